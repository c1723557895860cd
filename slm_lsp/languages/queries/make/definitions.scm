; Targets that start with a dot are special targets, and targets with a `%` are patterns.
((rule (targets . (word) @name .) (recipe)? @body) @definition.function
  (#not-match? @name "^[.]|%"))
((rule (targets (word) @name @definition.function . (word)))
  (#not-match? @name "^[.]|%"))
((rule (targets (word) . (word) @name @definition.function))
  (#not-match? @name "^[.]|%"))
(variable_assignment name: (word) @name) @definition.variable
(define_directive name: (word) @name) @definition.macro
