(module (module_statement (name) @name)) @definition.module
(submodule (submodule_statement (name) @name)) @definition.module
(program (program_statement (name) @name)) @definition.program
(function (function_statement name: (name) @name) . (_) @body) @definition.function
(subroutine (subroutine_statement name: (name) @name) . (_) @body) @definition.procedure
(module_procedure (module_procedure_statement name: (name) @name)) @definition.procedure
(derived_type_definition (derived_type_statement (type_name) @name)) @definition.type
(interface (interface_statement (name) @name)) @definition.interface
(enumerator_statement declarator: [(identifier) @name (init_declarator left: (identifier) @name)]) @definition.constant
(procedure_statement declarator: (binding (binding_name (identifier) @name))) @definition.method
(derived_type_procedures (procedure_statement declarator: (method_name) @name) @definition.method)

(derived_type_definition (variable_declaration
  declarator: [
    (identifier) @name
    (sized_declarator . (identifier) @name)
    (_ left: [(identifier) @name (sized_declarator . (identifier) @name)])
  ]) @definition.field)
(module (variable_declaration
  declarator: [
    (identifier) @name
    (sized_declarator . (identifier) @name)
    (_ left: [(identifier) @name (sized_declarator . (identifier) @name)])
  ]) @definition.variable)
(module (variable_declaration
  attribute: (type_qualifier) @_attribute
  declarator: (_ left: [(identifier) @name (sized_declarator . (identifier) @name)])) @definition.constant
  (#match? @_attribute "(?i)^parameter$"))
