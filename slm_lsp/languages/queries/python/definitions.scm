(class_definition
  name: (identifier) @name
  body: (block . (string)? @doc) @body) @definition.class

(function_definition
  name: (identifier) @name
  body: (block . (string)? @doc) @body) @definition.function

(module (assignment left: (identifier) @name) @definition.variable)

(class_definition body: (block
  (assignment left: (identifier) @name) @definition.field))

(type_alias_statement left: (type (identifier) @name)) @definition.type
