; The scope is the whole statement, because names declared in its parentheses are local to its block.
(package_statement (block)) @scope
(subroutine_declaration_statement) @scope
(anonymous_subroutine_expression) @scope
(class_statement (block)) @scope
(method_declaration_statement) @scope
(anonymous_method_expression) @scope
(for_statement) @scope
(cstyle_for_statement) @scope
(loop_statement) @scope
(conditional_statement) @scope
(map_grep_expression) @scope
(block_statement) @scope

(variable_declaration [(scalar (varname) @local) (array (varname) @local) (hash (varname) @local)])
(for_statement variable: (_ (varname) @local))
(mandatory_parameter (_ (varname) @local))
(optional_parameter (_ (varname) @local))
(slurpy_parameter (_ (varname) @local))
