; Blocks are left out: what a function binds anywhere counts for all of it.
(translation_unit) @scope
(function_definition) @scope
(preproc_function_def) @scope
; Only where there is a body: the names in a prototype mean nothing.
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
