(call_expression function: (identifier) @reference.call)
(call_expression function: (scoped_identifier name: (_) @reference.call))
(call_expression function: (field_expression field: (_) @reference.call))
(call_expression function: (generic_function function: (identifier) @reference.call))
(call_expression function: (generic_function function: (scoped_identifier name: (_) @reference.call)))
(call_expression function: (generic_function function: (field_expression field: (_) @reference.call)))
(macro_invocation macro: (identifier) @reference.call)
(macro_invocation macro: (scoped_identifier name: (_) @reference.call))
(type_identifier) @reference.type
(field_expression field: (field_identifier) @reference.name)
(field_pattern name: (_) @reference.name)
(field_initializer field: (_) @reference.name)
(identifier) @reference.name
