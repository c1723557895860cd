((command name: (command_name) @_word argument: [(word) (string) (raw_string)] @module) @import
  (#any-of? @_word "." "source"))
