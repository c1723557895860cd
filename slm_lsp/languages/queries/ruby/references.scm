(call method: (_) @reference.call)
(superclass (constant) @reference.type)
(superclass (scope_resolution name: (constant) @reference.type))
(exceptions (constant) @reference.type)
(call receiver: (constant) @reference.type)
(call receiver: (scope_resolution name: (constant) @reference.type))
(scope_resolution scope: (constant) @reference.name)
(identifier) @reference.name
(constant) @reference.name
