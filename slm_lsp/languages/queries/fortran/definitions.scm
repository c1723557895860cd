(module (module_statement (name) @name)) @definition.module
(submodule (submodule_statement (name) @name)) @definition.module
(program (program_statement (name) @name)) @definition.program
(function (function_statement name: (name) @name) . (_) @body) @definition.function
(subroutine (subroutine_statement name: (name) @name) . (_) @body) @definition.procedure
(module_procedure (module_procedure_statement name: (name) @name)) @definition.procedure
(derived_type_definition (derived_type_statement (type_name) @name)) @definition.type
(interface (interface_statement (name) @name)) @definition.interface
(enumerator_statement declarator: (identifier) @name @definition.constant)
(enumerator_statement declarator: (init_declarator left: (identifier) @name) @definition.constant)
(procedure_statement declarator: (binding (binding_name (identifier) @name))) @definition.method
(derived_type_procedures (procedure_statement declarator: (method_name) @name) @definition.method)

; A declaration of one name is its definition. Of several, each is one by itself: two that share one stretch would lie
; in each other.
(derived_type_definition
  (variable_declaration
    . type: (_) . attribute: (_)* . declarator: [
      (identifier) @name
      (sized_declarator . (identifier) @name)
      (_ left: [(identifier) @name (sized_declarator . (identifier) @name)])
    ] .) @definition.field)
(derived_type_definition
  (variable_declaration
    declarator: [
      (identifier) @name
      (sized_declarator . (identifier) @name)
      (_ left: [(identifier) @name (sized_declarator . (identifier) @name)])
    ] @definition.field . declarator: (_)))
(derived_type_definition
  (variable_declaration
    declarator: (_) . declarator: [
      (identifier) @name
      (sized_declarator . (identifier) @name)
      (_ left: [(identifier) @name (sized_declarator . (identifier) @name)])
    ] @definition.field))
(module
  (variable_declaration
    . type: (_) . attribute: (_)* . declarator: [
      (identifier) @name
      (sized_declarator . (identifier) @name)
      (_ left: [(identifier) @name (sized_declarator . (identifier) @name)])
    ] .) @definition.variable)
(module
  (variable_declaration
    declarator: [
      (identifier) @name
      (sized_declarator . (identifier) @name)
      (_ left: [(identifier) @name (sized_declarator . (identifier) @name)])
    ] @definition.variable . declarator: (_)))
(module
  (variable_declaration
    declarator: (_) . declarator: [
      (identifier) @name
      (sized_declarator . (identifier) @name)
      (_ left: [(identifier) @name (sized_declarator . (identifier) @name)])
    ] @definition.variable))
