(call
  !receiver
  method: (identifier) @_word
  arguments: (argument_list . (string (string_content) @module))
  (#match? @_word "^(require|require_relative|load)$")) @import
(call
  !receiver
  method: (identifier) @_word
  arguments: (argument_list . (simple_symbol) . (string (string_content) @module))
  (#eq? @_word "autoload")) @import
