(call_expression function: (identifier) @reference.call)
(call_expression function: (member_expression property: (_) @reference.call))
(new_expression constructor: (identifier) @reference.call)
(new_expression constructor: (member_expression property: (_) @reference.call))
(decorator (identifier) @reference.call)
(extends_clause value: (identifier) @reference.type)
(extends_clause value: (member_expression property: (_) @reference.type))
(type_identifier) @reference.type
(member_expression property: (_) @reference.name)
(shorthand_property_identifier) @reference.name
(identifier) @reference.name
