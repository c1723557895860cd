(module) @scope
(submodule) @scope
(program) @scope
(function) @scope
(subroutine) @scope
(module_procedure) @scope
(derived_type_definition) @scope
(block_construct) @scope

(parameters (identifier) @local)
(function_result (identifier) @local)
(variable_declaration declarator: (identifier) @local)
(variable_declaration declarator: (sized_declarator . (identifier) @local))
(variable_declaration declarator: (_ left: (identifier) @local))
(variable_declaration declarator: (_ left: (sized_declarator . (identifier) @local)))
(enumerator_statement declarator: [(identifier) @local (_ left: (identifier) @local)])
