(method_invocation name: (_) @reference.call)
(object_creation_expression type: (type_identifier) @reference.call)
(object_creation_expression type: (generic_type . (type_identifier) @reference.call))
(method_reference (_) "::" (identifier) @reference.call)
(annotation name: (identifier) @reference.type)
(marker_annotation name: (identifier) @reference.type)
(type_identifier) @reference.type
(identifier) @reference.name
