(named_module name: (long_identifier) @name) @definition.module
(module_defn (identifier) @name) @definition.module
(type_definition (union_type_defn (type_name type_name: (identifier) @name))) @definition.type
(type_definition (record_type_defn (type_name type_name: (identifier) @name))) @definition.record
(type_definition (enum_type_defn (type_name type_name: (identifier) @name))) @definition.enum
(type_definition (anon_type_defn (type_name type_name: (identifier) @name))) @definition.class
(type_definition (interface_type_defn (type_name type_name: (identifier) @name))) @definition.interface
(type_definition (type_abbrev_defn (type_name type_name: (identifier) @name))) @definition.type
(union_type_case . (identifier) @name) @definition.constructor
(record_field . (identifier) @name) @definition.field
(member_defn (method_or_prop_defn name: (property_or_ident method: (identifier) @name))) @definition.method

(declaration_expression (function_or_value_defn
  (function_declaration_left . (identifier) @name) body: (_) @body)) @definition.function
(declaration_expression (function_or_value_defn
  (value_declaration_left (identifier_pattern (long_identifier_or_op (identifier) @name))) body: (_) @body))
  @definition.variable
