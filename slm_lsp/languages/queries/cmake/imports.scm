((normal_command (identifier) @_word (argument_list . (argument) @module)) @import
  (#match? @_word "(?i)^(include|find_package|add_subdirectory)$"))
