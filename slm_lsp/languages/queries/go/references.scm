(call_expression function: (identifier) @reference.call)
(call_expression function: (selector_expression field: (_) @reference.call))
(call_expression function: (parenthesized_expression (identifier) @reference.call))
(type_identifier) @reference.type
(selector_expression field: (_) @reference.name)
(package_identifier) @reference.name
(keyed_element key: (literal_element (identifier) @reference.name))
(identifier) @reference.name
