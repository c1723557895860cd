; In the tree, a package without a block contains only its statement; its subs are siblings.
(package_statement name: (package) @name (block)? @body) @definition.module
(subroutine_declaration_statement name: (bareword) @name body: (block)? @body) @definition.function
(class_statement name: (package) @name (block)? @body) @definition.class
(role_statement name: (package) @name (block)? @body) @definition.trait
(method_declaration_statement name: (bareword) @name body: (block)? @body) @definition.method

(use_statement
  module: (package) @_word
  (list_expression . (autoquoted_bareword) @name)
  (#eq? @_word "constant")) @definition.constant
; In `use constant { … }`, the names are the keys before the arrows.
(use_statement
  module: (package) @_word
  (anonymous_hash_expression (list_expression (autoquoted_bareword) @name @definition.constant))
  (#eq? @_word "constant"))

(source_file (expression_statement (assignment_expression
  left: (variable_declaration variable: (_ (varname) @name)))) @definition.variable)
(source_file (expression_statement (variable_declaration variable: (_ (varname) @name))) @definition.variable)
(class_statement (block (expression_statement (assignment_expression
  left: (variable_declaration variable: (_ (varname) @name)))) @definition.field))
(class_statement (block (expression_statement (variable_declaration variable: (_ (varname) @name))) @definition.field))
