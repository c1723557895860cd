; Blocks are not scopes here: a name bound anywhere in a function counts as local in the whole function.
(program) @scope
(function_declaration) @scope
(function_expression) @scope
(function_signature) @scope
(generator_function_declaration) @scope
(generator_function) @scope
(arrow_function) @scope
(method_definition) @scope
(method_signature) @scope
(abstract_method_signature) @scope
(class_body) @scope
(internal_module) @scope
(module) @scope

(required_parameter pattern: (identifier) @local)
(optional_parameter pattern: (identifier) @local)
(arrow_function parameter: (identifier) @local)
(variable_declarator name: (identifier) @local)
(for_in_statement left: (identifier) @local)
(catch_clause parameter: (identifier) @local)
(assignment_pattern left: (identifier) @local)
(rest_pattern (identifier) @local)
(array_pattern (identifier) @local)
(pair_pattern value: (identifier) @local)
(shorthand_property_identifier_pattern) @local
