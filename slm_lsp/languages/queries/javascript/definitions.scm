(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(generator_function_declaration name: (identifier) @name body: (_) @body) @definition.function

(class_declaration name: (identifier) @name body: (_) @body) @definition.class

((method_definition name: (_) @name body: (_) @body) @definition.method
  (#not-eq? @name "constructor"))
((method_definition name: (_) @name body: (_) @body) @definition.constructor
  (#eq? @name "constructor"))

(field_definition property: (_) @name) @definition.field
(field_definition property: (_) @name
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

(program (lexical_declaration kind: "let" (variable_declarator name: (identifier) @name)) @definition.variable)
(export_statement declaration:
  (lexical_declaration kind: "let" (variable_declarator name: (identifier) @name)) @definition.variable)

(program (variable_declaration (variable_declarator name: (identifier) @name !value)) @definition.variable)
(program (variable_declaration (variable_declarator name: (identifier) @name value: (_) @_value)) @definition.variable
  (#not-match? @_value "^require\\b"))
(export_statement declaration:
  (variable_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
