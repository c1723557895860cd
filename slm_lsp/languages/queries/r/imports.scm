((call
  function: (identifier) @_word
  arguments: (arguments . argument: (argument value: [
    (identifier) @module
    (string content: (string_content) @module)
  ]))) @import
  (#any-of? @_word "library" "require" "requireNamespace" "source"))
