(module_definition (module_binding (module_name) @name)) @definition.module
(module_type_definition (module_type_name) @name) @definition.interface
(class_definition (class_binding (class_name) @name)) @definition.class
(type_definition (type_binding name: (type_constructor) @name)) @definition.type
(type_binding body: (variant_declaration
  (constructor_declaration (constructor_name) @name) @definition.constructor))
(field_declaration (field_name) @name) @definition.field
(exception_definition (constructor_declaration (constructor_name) @name)) @definition.type
(value_specification (value_name) @name) @definition.function
(external (value_name) @name) @definition.function
