((binding attrpath: (attrpath) @name expression: (function_expression)) @definition.function)
(let_expression (binding_set (binding attrpath: (attrpath) @name) @definition.variable))
(attrset_expression (binding_set (binding attrpath: (attrpath) @name) @definition.property))
