((command
  command_name: (command_name) @_word
  command_elements: (command_elements . (command_argument_sep) . (generic_token) @module)) @import
  (#match? @_word "(?i)^import-module$"))
((command
  command_name: (command_name) @_word
  command_elements: (command_elements
    . (command_argument_sep) . (generic_token) @_what . (command_argument_sep) . (generic_token) @module)) @import
  (#match? @_word "(?i)^using$")
  (#match? @_what "(?i)^(module|namespace)$"))
