; A description is the first child of the definition that it describes.
(object_type_definition . (name) @name (fields_definition)? @body) @definition.type
(object_type_definition . (description) @doc . (name) @name (fields_definition)? @body) @definition.type
(interface_type_definition . (name) @name (fields_definition)? @body) @definition.interface
(interface_type_definition . (description) @doc . (name) @name (fields_definition)? @body) @definition.interface
(enum_type_definition . (name) @name (enum_values_definition)? @body) @definition.enum
(enum_type_definition . (description) @doc . (name) @name (enum_values_definition)? @body) @definition.enum
(input_object_type_definition . (name) @name (input_fields_definition)? @body) @definition.struct
(input_object_type_definition . (description) @doc . (name) @name (input_fields_definition)? @body) @definition.struct
(union_type_definition . (name) @name) @definition.union
(union_type_definition . (description) @doc . (name) @name) @definition.union
(scalar_type_definition . (name) @name) @definition.type
(scalar_type_definition . (description) @doc . (name) @name) @definition.type
(directive_definition . (name) @name) @definition.macro
(directive_definition . (description) @doc . (name) @name) @definition.macro
(object_type_extension . (name) @name (fields_definition)? @body) @definition.impl

(field_definition . (name) @name) @definition.field
(field_definition . (description) @doc . (name) @name) @definition.field
(input_fields_definition (input_value_definition . (name) @name) @definition.field)
(input_fields_definition (input_value_definition . (description) @doc . (name) @name) @definition.field)
(enum_value_definition . (enum_value (name) @name)) @definition.constant
(enum_value_definition . (description) @doc . (enum_value (name) @name)) @definition.constant

(operation_definition (name) @name (selection_set) @body) @definition.function
(fragment_definition (fragment_name (name) @name) (selection_set) @body) @definition.function
