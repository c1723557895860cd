(module_declaration (module_header (simple_identifier) @name) . (_) @body) @definition.module
(function_declaration
  (function_body_declaration (function_identifier (function_identifier (simple_identifier) @name)))) @definition.function
(task_declaration (task_body_declaration (task_identifier (task_identifier (simple_identifier) @name))))
  @definition.procedure
(text_macro_definition (text_macro_name (text_macro_identifier) @name)) @definition.macro

(param_assignment (parameter_identifier) @name) @definition.constant
(ansi_port_declaration (port_identifier) @name) @definition.field
(net_decl_assignment . (simple_identifier) @name) @definition.variable
(module_or_generate_item (package_or_generate_item_declaration (data_declaration
  (list_of_variable_decl_assignments (variable_decl_assignment . (simple_identifier) @name) @definition.variable))))
