(subroutine_call subroutine: (identifier) @reference.call)
(subroutine_call subroutine: (derived_type_member_expression (type_member) @reference.call))
; An array element has the same syntax as a function call.
(call_expression . (identifier) @reference.call)
(call_expression . (derived_type_member_expression (type_member) @reference.call))
(derived_type name: (type_name) @reference.type)
(base_type_specifier (identifier) @reference.type)
(binding (method_name) @reference.name)
(procedure_statement declarator: (method_name) @reference.name)
(type_member) @reference.name
(identifier) @reference.name
