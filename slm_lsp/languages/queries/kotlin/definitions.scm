; This grammar has no field names. Classes, enums and interfaces are told apart by their keywords and bodies.
(class_declaration "class" (type_identifier) @name (class_body) @body) @definition.class
(class_declaration "class" (type_identifier) @name .) @definition.class
(class_declaration "class" (type_identifier) @name [(primary_constructor) (delegation_specifier)] .) @definition.class
(class_declaration "enum" (type_identifier) @name (enum_class_body) @body) @definition.enum
(class_declaration "interface" (type_identifier) @name (class_body)? @body) @definition.interface
(object_declaration (type_identifier) @name (class_body)? @body) @definition.class
(companion_object (type_identifier) @name (class_body)? @body) @definition.class
(type_alias . (type_identifier) @name) @definition.type
(enum_entry (simple_identifier) @name) @definition.constant

(function_declaration (simple_identifier) @name (function_body)? @body) @definition.function
(secondary_constructor "constructor" @name (statements)? @body) @definition.constructor

(source_file (property_declaration (variable_declaration (simple_identifier) @name)) @definition.variable)
(class_body (property_declaration (variable_declaration (simple_identifier) @name)) @definition.property)
(enum_class_body (property_declaration (variable_declaration (simple_identifier) @name)) @definition.property)
(class_parameter (binding_pattern_kind) (simple_identifier) @name) @definition.property
