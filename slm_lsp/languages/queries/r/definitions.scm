(binary_operator
  lhs: (identifier) @name
  operator: ["<-" "=" "<<-"]
  rhs: (function_definition body: (_) @body)) @definition.function
(program (binary_operator lhs: (identifier) @name operator: ["<-" "="]) @definition.variable)
((binary_operator lhs: (identifier) @name rhs: (call function: (identifier) @_word)) @definition.class
  (#any-of? @_word "R6Class" "setRefClass"))
(call
  function: (identifier) @_word
  arguments: (arguments argument: (argument value: (call arguments: (arguments
    argument: (argument name: (identifier) @name value: (function_definition body: (_) @body)) @definition.method))))
  (#eq? @_word "R6Class"))

((call
  function: (identifier) @_word
  arguments: (arguments . argument: (argument value: (string content: (string_content) @name)))) @definition.class
  (#any-of? @_word "setClass" "setRefClass"))
((call
  function: (identifier) @_word
  arguments: (arguments . argument: (argument value: (string content: (string_content) @name)))) @definition.function
  (#any-of? @_word "setGeneric" "setMethod"))
