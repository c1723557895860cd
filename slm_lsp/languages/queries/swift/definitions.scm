(class_declaration declaration_kind: "class" name: (type_identifier) @name body: (_) @body) @definition.class
(class_declaration declaration_kind: "actor" name: (type_identifier) @name body: (_) @body) @definition.class
(class_declaration declaration_kind: "struct" name: (type_identifier) @name body: (_) @body) @definition.struct
(class_declaration declaration_kind: "enum" name: (type_identifier) @name body: (_) @body) @definition.enum
(class_declaration declaration_kind: "extension" name: (_) @name body: (_) @body) @definition.impl
(protocol_declaration name: (type_identifier) @name body: (_) @body) @definition.interface
(typealias_declaration name: (type_identifier) @name) @definition.type

(function_declaration name: (simple_identifier) @name body: (_) @body) @definition.function
(protocol_function_declaration name: (simple_identifier) @name) @definition.method
(init_declaration name: "init" @name body: (_) @body) @definition.constructor

(source_file (property_declaration name: (pattern bound_identifier: (_) @name)) @definition.variable)
(class_body
  (property_declaration name: (pattern bound_identifier: (_) @name) computed_value: (_)? @body) @definition.property)
(enum_class_body
  (property_declaration name: (pattern bound_identifier: (_) @name) computed_value: (_)? @body) @definition.property)
(protocol_property_declaration name: (pattern bound_identifier: (_) @name)) @definition.property
; One `case` may define several names.
(enum_entry name: (simple_identifier) @name @definition.constant)
