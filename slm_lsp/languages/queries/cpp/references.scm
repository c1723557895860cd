(call_expression function: (identifier) @reference.call)
(call_expression function: (field_expression field: (field_identifier) @reference.call))
(call_expression function: (field_expression field: (template_method name: (_) @reference.call)))
(call_expression function: (qualified_identifier name: (identifier) @reference.call))
(call_expression function: (qualified_identifier name: (qualified_identifier name: (identifier) @reference.call)))
(call_expression function: (qualified_identifier name: (template_function name: (_) @reference.call)))
(call_expression function: (template_function name: (_) @reference.call))
(new_expression type: (type_identifier) @reference.call)
(type_identifier) @reference.type
(field_expression field: (field_identifier) @reference.name)
(field_initializer (field_identifier) @reference.name)
(namespace_identifier) @reference.name
(identifier) @reference.name
