(class_definition name: (identifier) @name body: (_)? @body) @definition.class
(object_definition name: (identifier) @name body: (_)? @body) @definition.class
(trait_definition name: (identifier) @name body: (_)? @body) @definition.trait
(enum_definition name: (identifier) @name body: (_) @body) @definition.enum
(simple_enum_case name: (identifier) @name) @definition.constant
(full_enum_case name: (identifier) @name) @definition.constant
(type_definition name: (type_identifier) @name) @definition.type

(function_definition name: (identifier) @name body: (_) @body) @definition.function
(function_declaration name: (identifier) @name) @definition.function

(class_parameter name: (identifier) @name) @definition.field
(template_body [(val_definition pattern: (identifier) @name) (var_definition pattern: (identifier) @name)]
  @definition.field)
(template_body [(val_declaration name: (identifier) @name) (var_declaration name: (identifier) @name)]
  @definition.field)
(compilation_unit [(val_definition pattern: (identifier) @name) (var_definition pattern: (identifier) @name)]
  @definition.variable)
