((const_statement name: (name) @alias value: (call (identifier) @_word arguments: (arguments (string) @module)))
  @import
  (#any-of? @_word "preload" "load"))
