(assignment_statement
  (variable_list . name: (identifier) @alias)
  (expression_list . value: (function_call
    name: (identifier) @_word
    arguments: (arguments (string content: (string_content) @module))))
  (#eq? @_word "require")) @import
