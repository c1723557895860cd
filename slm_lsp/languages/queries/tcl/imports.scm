((command name: (simple_word) @_word arguments: (word_list . (simple_word) @_what . (simple_word) @module)) @import
  (#eq? @_word "package")
  (#eq? @_what "require"))
((command name: (simple_word) @_word arguments: (word_list . (_) @module)) @import
  (#eq? @_word "source"))
