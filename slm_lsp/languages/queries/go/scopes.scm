; Blocks are not scopes here: a name bound anywhere in a function counts as local in the whole function.
(source_file) @scope
(function_declaration) @scope
(method_declaration) @scope
(func_literal) @scope
(function_type) @scope
(method_elem) @scope

(parameter_declaration name: (identifier) @local)
(variadic_parameter_declaration name: (identifier) @local)
(short_var_declaration left: (expression_list (identifier) @local))
(range_clause left: (expression_list (identifier) @local))
(receive_statement left: (expression_list (identifier) @local))
(type_switch_statement alias: (expression_list (identifier) @local))
(var_spec name: (identifier) @local)
(const_spec (identifier) @local)
