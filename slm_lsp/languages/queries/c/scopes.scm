; Blocks are not scopes here: a name bound anywhere in a function counts as local in the whole function.
(translation_unit) @scope
(function_definition) @scope
(preproc_function_def) @scope
; Match parameters only of functions with a body, because parameter names in a prototype have no meaning.
(function_definition declarator: (function_declarator parameters: (parameter_list (parameter_declaration declarator: [
    (identifier) @local
    (pointer_declarator declarator: (identifier) @local)
    (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @local))
    (array_declarator declarator: (identifier) @local)
    (function_declarator declarator: (parenthesized_declarator
      (pointer_declarator declarator: (identifier) @local)))]))))
(function_definition declarator: (pointer_declarator declarator: (function_declarator parameters: (parameter_list (parameter_declaration declarator: [
    (identifier) @local
    (pointer_declarator declarator: (identifier) @local)
    (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @local))
    (array_declarator declarator: (identifier) @local)
    (function_declarator declarator: (parenthesized_declarator
      (pointer_declarator declarator: (identifier) @local)))])))))
(declaration declarator: [
    (identifier) @local
    (pointer_declarator declarator: (identifier) @local)
    (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @local))
    (array_declarator declarator: (identifier) @local)])
(declaration declarator: (init_declarator declarator: [
    (identifier) @local
    (pointer_declarator declarator: (identifier) @local)
    (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @local))
    (array_declarator declarator: (identifier) @local)]))
(preproc_params (identifier) @local)
