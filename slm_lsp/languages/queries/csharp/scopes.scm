; Blocks are not scopes here: a name bound anywhere in a method counts as local in the whole method.
(compilation_unit) @scope
(class_declaration) @scope
(struct_declaration) @scope
(interface_declaration) @scope
(record_declaration) @scope
(method_declaration) @scope
(constructor_declaration) @scope
(destructor_declaration) @scope
(operator_declaration) @scope
(indexer_declaration) @scope
(property_declaration) @scope
(delegate_declaration) @scope
(local_function_statement) @scope
(lambda_expression) @scope
(anonymous_method_expression) @scope

(parameter name: (identifier) @local)
(lambda_expression parameters: (implicit_parameter) @local)
(variable_declarator name: (identifier) @local)
(foreach_statement left: (identifier) @local)
(catch_declaration name: (identifier) @local)
(declaration_expression name: (identifier) @local)
(declaration_pattern name: (identifier) @local)
(recursive_pattern name: (identifier) @local)
