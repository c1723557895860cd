(module) @scope
(class) @scope
(singleton_class) @scope
(method) @scope
(singleton_method) @scope
(lambda) @scope
(block) @scope
(do_block) @scope

(method_parameters (identifier) @local)
(lambda_parameters (identifier) @local)
(block_parameters (identifier) @local)
(block_parameters locals: (identifier) @local)
(optional_parameter name: (identifier) @local)
(keyword_parameter name: (identifier) @local)
(splat_parameter name: (identifier) @local)
(hash_splat_parameter name: (identifier) @local)
(block_parameter name: (identifier) @local)
(destructured_parameter (identifier) @local)
(assignment left: [(identifier) (constant)] @local)
(operator_assignment left: (identifier) @local)
(left_assignment_list (identifier) @local)
(left_assignment_list (rest_assignment (identifier) @local))
(for pattern: (identifier) @local)
(exception_variable (identifier) @local)
