(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(generator_function_declaration name: (identifier) @name body: (_) @body) @definition.function
(function_signature name: (identifier) @name) @definition.function

(class_declaration name: (type_identifier) @name body: (_) @body) @definition.class
(abstract_class_declaration name: (type_identifier) @name body: (_) @body) @definition.class
(interface_declaration name: (type_identifier) @name body: (_) @body) @definition.interface
(type_alias_declaration name: (type_identifier) @name) @definition.type
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(enum_body (property_identifier) @name @definition.constant)
(enum_body (enum_assignment name: (_) @name) @definition.constant)
(internal_module name: (_) @name body: (_) @body) @definition.namespace
(module name: (identifier) @name body: (_) @body) @definition.namespace
(module name: (string (string_fragment) @name) body: (_) @body) @definition.module

((method_definition name: (_) @name body: (_) @body) @definition.method
  (#not-eq? @name "constructor"))
((method_definition name: (_) @name body: (_) @body) @definition.constructor
  (#eq? @name "constructor"))
(abstract_method_signature name: (_) @name) @definition.method
(class_body (method_signature name: (_) @name) @definition.method)
(interface_body (method_signature name: (_) @name) @definition.method)
(interface_body (property_signature name: (_) @name) @definition.field)
(type_alias_declaration value: (object_type (method_signature name: (_) @name) @definition.method))
(type_alias_declaration value: (object_type (property_signature name: (_) @name) @definition.field))

(public_field_definition name: (_) @name) @definition.field
(public_field_definition name: (_) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method

; Match a function that is assigned to a variable, at any nesting depth.
(lexical_declaration (variable_declarator name: (identifier) @name value: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
  (generator_function body: (_) @body)])) @definition.function
(variable_declaration (variable_declarator name: (identifier) @name value: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
  (generator_function body: (_) @body)])) @definition.function
(expression_statement (assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)])) @definition.function

(lexical_declaration (variable_declarator name: (identifier) @name
  value: (class body: (_) @body))) @definition.class

; Match other constants and variables only if they are at the top level or exported, and not imported by `require`.
(program (lexical_declaration kind: "const" (variable_declarator
  name: [
    (identifier) @name
    (array_pattern (identifier) @name)
    (object_pattern (shorthand_property_identifier_pattern) @name)]
  value: (_) @_value)) @definition.constant
  (#not-match? @_value "^require\\b"))
(export_statement declaration: (lexical_declaration kind: "const" (variable_declarator
  name: [
    (identifier) @name
    (array_pattern (identifier) @name)
    (object_pattern (shorthand_property_identifier_pattern) @name)])) @definition.constant)
(ambient_declaration
  (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name)) @definition.constant)

(program (lexical_declaration kind: "let" (variable_declarator name: (identifier) @name)) @definition.variable)
(export_statement declaration:
  (lexical_declaration kind: "let" (variable_declarator name: (identifier) @name)) @definition.variable)
(ambient_declaration
  (lexical_declaration kind: "let" (variable_declarator name: (identifier) @name)) @definition.variable)

(program (variable_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
(export_statement declaration:
  (variable_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
(ambient_declaration (variable_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
