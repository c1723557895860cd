; inherits: c
(namespace_definition) @scope
(class_specifier) @scope
(struct_specifier) @scope
(lambda_expression) @scope

; Match parameters only of functions with a body, because parameter names in a prototype have no meaning.
(function_definition declarator: (function_declarator parameters: (parameter_list (_ declarator: [
    (identifier) @local
    (pointer_declarator declarator: (identifier) @local)
    (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @local))
    (array_declarator declarator: (identifier) @local)
    (reference_declarator (identifier) @local)
    (function_declarator declarator: (parenthesized_declarator
      (pointer_declarator declarator: (identifier) @local)))]))))
(function_definition declarator: (pointer_declarator declarator: (function_declarator parameters: (parameter_list (_ declarator: [
    (identifier) @local
    (pointer_declarator declarator: (identifier) @local)
    (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @local))
    (array_declarator declarator: (identifier) @local)
    (reference_declarator (identifier) @local)
    (function_declarator declarator: (parenthesized_declarator
      (pointer_declarator declarator: (identifier) @local)))])))))
(function_definition declarator: (reference_declarator (function_declarator parameters: (parameter_list (_ declarator: [
    (identifier) @local
    (pointer_declarator declarator: (identifier) @local)
    (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @local))
    (array_declarator declarator: (identifier) @local)
    (reference_declarator (identifier) @local)
    (function_declarator declarator: (parenthesized_declarator
      (pointer_declarator declarator: (identifier) @local)))])))))
(lambda_declarator parameters: (parameter_list (_ declarator: [
    (identifier) @local
    (pointer_declarator declarator: (identifier) @local)
    (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @local))
    (array_declarator declarator: (identifier) @local)
    (reference_declarator (identifier) @local)
    (function_declarator declarator: (parenthesized_declarator
      (pointer_declarator declarator: (identifier) @local)))])))
(catch_clause parameters: (parameter_list (_ declarator: [
    (identifier) @local
    (pointer_declarator declarator: (identifier) @local)
    (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @local))
    (array_declarator declarator: (identifier) @local)
    (reference_declarator (identifier) @local)])))
(structured_binding_declarator (identifier) @local)
(for_range_loop declarator: [(identifier) @local (reference_declarator (identifier) @local) (pointer_declarator declarator: (identifier) @local)])
(lambda_capture_initializer left: (identifier) @local)
(declaration declarator: (reference_declarator (identifier) @local))
(declaration declarator: (init_declarator declarator: (reference_declarator (identifier) @local)))
