(package_declaration name: (_) @name) @definition.module
(package_body name: (_) @name) @definition.module
(subprogram_declaration (function_specification name: (_) @name)) @definition.function
(subprogram_declaration (procedure_specification name: (_) @name)) @definition.procedure
(subprogram_body (function_specification name: (_) @name) . (_) @body) @definition.function
(subprogram_body (procedure_specification name: (_) @name) . (_) @body) @definition.procedure
(task_body . (identifier) @name) @definition.procedure

(full_type_declaration . (identifier) @name (record_type_definition)) @definition.record
(full_type_declaration . (identifier) @name (enumeration_type_definition)) @definition.enum
(full_type_declaration . (identifier) @name [
  (access_to_object_definition) (access_to_subprogram_definition) (array_type_definition) (derived_type_definition)
  (signed_integer_type_definition) (modular_type_definition) (floating_point_definition) (interface_type_definition)
]) @definition.type
(private_type_declaration . (identifier) @name) @definition.type
(subtype_declaration . (identifier) @name) @definition.type
(component_declaration . (identifier) @name) @definition.field
(enumeration_type_definition (identifier) @name @definition.constant)
(exception_declaration . (identifier) @name) @definition.constant
(package_declaration (object_declaration name: (identifier) @name) @definition.variable)
(package_body (non_empty_declarative_part (object_declaration name: (identifier) @name) @definition.variable))
