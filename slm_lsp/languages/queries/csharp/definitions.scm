(namespace_declaration name: (_) @name body: (_) @body) @definition.namespace
(file_scoped_namespace_declaration name: (_) @name) @definition.namespace

(class_declaration name: (_) @name body: (_) @body) @definition.class
(struct_declaration name: (_) @name body: (_) @body) @definition.struct
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(record_declaration name: (_) @name body: (_)? @body) @definition.record
(record_declaration (parameter_list (parameter name: (_) @name) @definition.property))
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(enum_member_declaration name: (_) @name) @definition.constant
(delegate_declaration name: (_) @name) @definition.type

(method_declaration name: (_) @name body: (_)? @body) @definition.method
(local_function_statement name: (_) @name body: (_)? @body) @definition.function
(constructor_declaration name: (_) @name body: (_) @body) @definition.constructor
(destructor_declaration name: (_) @name body: (_) @body) @definition.method
(operator_declaration operator: _ @name body: (_) @body) @definition.method
(indexer_declaration "this" @name accessors: (_) @body) @definition.property
(indexer_declaration "this" @name value: (_) @body) @definition.property

; The accessors are part of the signature: `{ get; }` shows how the property may be used.
(property_declaration name: (_) @name) @definition.property
(event_declaration name: (_) @name accessors: (_) @body) @definition.property
(event_field_declaration (variable_declaration (variable_declarator name: (_) @name))) @definition.property
((field_declaration (modifier) @_modifier
  (variable_declaration (variable_declarator name: (_) @name))) @definition.constant
  (#eq? @_modifier "const"))
(field_declaration (variable_declaration (variable_declarator name: (_) @name))) @definition.field
