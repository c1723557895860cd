(data_type name: (name) @name) @definition.type
(newtype name: (name) @name) @definition.type
(type_synomym name: (name) @name) @definition.type
(data_constructor (_ name: (constructor) @name)) @definition.constructor
(newtype_constructor name: (constructor) @name) @definition.constructor
(field name: (field_name (variable) @name)) @definition.field
(class name: (name) @name declarations: (_)? @body) @definition.interface
(instance name: (name) @name declarations: (_)? @body) @definition.impl

; The type signature of a function and each of its equations are separate definitions, because they are siblings.
(declarations (signature name: (variable) @name) @definition.function)
(class_declarations (signature name: (variable) @name) @definition.method)
(declarations (function name: (variable) @name match: (_) @body) @definition.function)
(declarations (bind name: (variable) @name) @definition.function)
(instance_declarations (function name: (variable) @name match: (_) @body) @definition.method)
(instance_declarations (bind name: (variable) @name) @definition.method)
