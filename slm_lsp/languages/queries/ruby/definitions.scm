(module name: [(constant) @name (scope_resolution name: (constant) @name)] body: (_)? @body) @definition.module
(class name: [(constant) @name (scope_resolution name: (constant) @name)] body: (_)? @body) @definition.class
(method
  name: [(identifier) @name (constant) @name (operator) @name (setter name: (_) @name)]
  body: (_)? @body) @definition.function
((method name: (identifier) @name body: (_)? @body) @definition.constructor
  (#eq? @name "initialize"))
(singleton_method
  name: [(identifier) @name (constant) @name (operator) @name (setter name: (_) @name)]
  body: (_)? @body) @definition.function
(alias name: (_) @name) @definition.method

(assignment left: (constant) @name) @definition.constant

(call
  method: (identifier) @_word
  arguments: (argument_list (simple_symbol) @name)
  (#match? @_word "^attr_(accessor|reader|writer)$")) @definition.property
(call
  method: (identifier) @_word
  arguments: (argument_list . (simple_symbol) @name)
  (#match? @_word "^(attribute|belongs_to|has_many|has_one)$")) @definition.property
(call
  method: (identifier) @_word
  arguments: (argument_list . (simple_symbol) @name)
  (#match? @_word "^(define_method|scope)$")) @definition.method
