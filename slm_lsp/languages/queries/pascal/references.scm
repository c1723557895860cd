(exprCall entity: (identifier) @reference.call)
(exprCall entity: (exprDot rhs: (identifier) @reference.call))
; A call without arguments is a statement that consists of an identifier only.
(statement (identifier) @reference.call)
(statement (exprDot rhs: (identifier) @reference.call))
(inherited (identifier) @reference.call)
(typeref (identifier) @reference.type)
(genericDot lhs: (identifier) @reference.type)
(moduleName (identifier) @reference.name)
(identifier) @reference.name
