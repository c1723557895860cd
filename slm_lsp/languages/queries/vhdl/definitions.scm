(entity_declaration name: (identifier) @name) @definition.module
(architecture_body name: (identifier) @name) @definition.impl
(package_declaration name: (identifier) @name) @definition.module
(component_declaration name: (identifier) @name) @definition.interface
(process_statement (label (identifier) @name)) @definition.procedure

(function_declaration designator: (identifier) @name) @definition.function
(function_body designator: (identifier) @name) @definition.function
(procedure_declaration designator: (identifier) @name) @definition.procedure
(procedure_body designator: (identifier) @name) @definition.procedure
(full_type_declaration name: (identifier) @name) @definition.type
(subtype_declaration name: (identifier) @name) @definition.type
(enumeration_type_definition literal: (identifier) @name @definition.constant)

(constant_declaration (identifier_list (identifier) @name)) @definition.constant
(signal_declaration (identifier_list (identifier) @name)) @definition.variable
(port_clause (_ (identifier_list (identifier) @name)) @definition.field)
