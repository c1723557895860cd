; Special targets, which start with a dot, and pattern rules, which contain a `%`, are not matched.
((rule (targets . (word) @name .) (recipe)? @body) @definition.function
  (#not-match? @name "^[.]|%"))
((rule (targets (word) @name @definition.function . (word)))
  (#not-match? @name "^[.]|%"))
((rule (targets (word) . (word) @name @definition.function))
  (#not-match? @name "^[.]|%"))
(variable_assignment name: (word) @name) @definition.variable
(define_directive name: (word) @name) @definition.macro
