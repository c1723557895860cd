(call_expression function: (identifier) @reference.call)
(call_expression function: (field_expression field: (_) @reference.call))
(type_identifier) @reference.type
(field_expression field: (_) @reference.name)
(identifier) @reference.name
