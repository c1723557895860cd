(function_definition) @scope
(method_declaration) @scope
(class_declaration) @scope
(interface_declaration) @scope
(trait_declaration) @scope
(enum_declaration) @scope
(anonymous_class) @scope
(anonymous_function) @scope
(arrow_function) @scope

(simple_parameter name: (variable_name (name) @local))
(variadic_parameter name: (variable_name (name) @local))
(property_promotion_parameter name: (variable_name (name) @local))
(assignment_expression left: (variable_name (name) @local))
(list_literal (variable_name (name) @local))
(foreach_statement . (_) . (variable_name (name) @local))
(foreach_statement (pair (variable_name (name) @local)))
(catch_clause name: (variable_name (name) @local))
(static_variable_declaration name: (variable_name (name) @local))
(global_declaration (variable_name (name) @local))
(anonymous_function_use_clause (variable_name (name) @local))
(anonymous_function_use_clause (by_ref (variable_name (name) @local)))
(const_element . (name) @local)
