; Modules in lower case are pragmas and not matched. The tree has no separate nodes for the words in `qw(…)`.
((use_statement module: (package) @module) @import
  (#match? @module "^[A-Z]"))
((use_statement module: (package) @module (string_literal content: (string_content) @name)) @import
  (#match? @module "^[A-Z]"))
(use_statement
  module: (package) @_word
  [
    (string_literal content: (string_content) @module)
    (quoted_word_list content: (string_content) @module)
    (list_expression (string_literal content: (string_content) @module))
  ]
  (#match? @_word "^(parent|base)$")) @import
(require_expression (bareword) @module) @import
(require_expression [
  (interpolated_string_literal content: (string_content) @module)
  (string_literal content: (string_content) @module)
]) @import
