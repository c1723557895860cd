(procedure name: (_) @name body: (_) @body) @definition.procedure
((namespace (word_list . (simple_word) @_word . (simple_word) @name . (braced_word) @body)) @definition.namespace
  (#eq? @_word "eval"))
(source_file (set . (id) @name) @definition.variable)
(source_file (command name: (simple_word) @_word arguments: (word_list . (simple_word) @name)) @definition.variable
  (#eq? @_word "variable"))
(namespace (word_list (braced_word
  (command name: (simple_word) @_word arguments: (word_list . (simple_word) @name)) @definition.variable))
  (#eq? @_word "variable"))
