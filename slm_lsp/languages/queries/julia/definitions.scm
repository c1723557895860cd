(module_definition name: (identifier) @name) @definition.module
(struct_definition
  (type_head [(identifier) @name (_ . (identifier) @name) (_ . (_ . (identifier) @name))]) (block)? @body)
  @definition.struct
(struct_definition (block (typed_expression . (identifier) @name) @definition.field))
(struct_definition (block (identifier) @name @definition.field))
(struct_definition (block (assignment . [(identifier) @name (typed_expression . (identifier) @name)]) @definition.field))
(abstract_definition (type_head [(identifier) @name (_ . (identifier) @name)])) @definition.type
(primitive_definition (type_head (identifier) @name)) @definition.type

(function_definition
  (signature [
    (call_expression . [(identifier) @name (field_expression (identifier) @name .)])
    (_ . (call_expression . [(identifier) @name (field_expression (identifier) @name .)]))
  ])
  (block)? @body) @definition.function
(macro_definition (signature (call_expression . (identifier) @name)) (block)? @body) @definition.macro
(assignment . (call_expression . [(identifier) @name (field_expression (identifier) @name .)])) @definition.function

(assignment . (typed_expression . (call_expression . (identifier) @name))) @definition.function

(const_statement (assignment . (identifier) @name)) @definition.constant
