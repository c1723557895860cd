(module_definition (module_binding (module_name) @name body: (structure) @body)) @definition.module
(module_definition (module_binding (module_name) @name body: (module_path))) @definition.module
(module_type_definition (module_type_name) @name body: (_)? @body) @definition.interface
(class_definition (class_binding (class_name) @name body: (_) @body)) @definition.class
(method_definition (method_name) @name body: (_)? @body) @definition.method
(instance_variable_definition (instance_variable_name) @name) @definition.field

(type_definition (type_binding name: (type_constructor) @name)) @definition.type
(type_binding body: (variant_declaration
  (constructor_declaration (constructor_name) @name) @definition.constructor))
(field_declaration (field_name) @name) @definition.field
(exception_definition (constructor_declaration (constructor_name) @name)) @definition.type

(compilation_unit (value_definition
  (let_binding pattern: (value_name) @name . (parameter) body: (_) @body)) @definition.function)
(structure (value_definition
  (let_binding pattern: (value_name) @name . (parameter) body: (_) @body)) @definition.function)
((value_definition (let_binding pattern: (value_name) @name . body: [(fun_expression) (function_expression)]))
  @definition.function)
(compilation_unit (value_definition (let_binding pattern: (value_name) @name)) @definition.variable)
(structure (value_definition (let_binding pattern: (value_name) @name)) @definition.variable)
(value_specification (value_name) @name) @definition.function
(external (value_name) @name) @definition.function
