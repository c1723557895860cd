(binary_operator
  lhs: (identifier) @name
  operator: ["<-" "=" "<<-"]
  rhs: (function_definition body: (_) @body)) @definition.function
(program (binary_operator lhs: (identifier) @name operator: ["<-" "="] rhs: (_) @_value) @definition.variable
  (#not-match? @_value "^(function\\b|\\\\)"))

((call
  function: (identifier) @_word
  arguments: (arguments . argument: (argument value: (string content: (string_content) @name)))) @definition.class
  (#any-of? @_word "setClass" "setRefClass"))
((call
  function: (identifier) @_word
  arguments: (arguments . argument: (argument value: (string content: (string_content) @name)))) @definition.function
  (#any-of? @_word "setGeneric" "setMethod"))
