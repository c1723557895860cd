(struct_definition type: (identifier) @name) @definition.struct
(union_definition type: (identifier) @name) @definition.union
(exception_definition . (identifier) @name) @definition.struct
(service_definition . type: (identifier) @name) @definition.interface
(function_definition (type) . (identifier) @name) @definition.method
(enum_definition type: (identifier) @name) @definition.enum
(enum_definition (identifier) @name @definition.constant . (number))
(field (type) . (identifier) @name) @definition.field
(const_definition (type) . (identifier) @name) @definition.constant
(typedef_definition (typedef_identifier) @name) @definition.type
