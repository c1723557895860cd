(type_alias_declaration name: (_) @name) @definition.type
(type_declaration name: (_) @name) @definition.type
(union_variant name: (_) @name) @definition.constructor
(type_alias_declaration (type_expression (record_type (field_type name: (_) @name) @definition.field)))
(port_annotation name: (_) @name) @definition.function
(file (value_declaration
  functionDeclarationLeft: (function_declaration_left . (lower_case_identifier) @name .) body: (_) @body)
  @definition.variable)
(file (value_declaration
  functionDeclarationLeft: (function_declaration_left . (lower_case_identifier) @name . (_)) body: (_) @body)
  @definition.function)
