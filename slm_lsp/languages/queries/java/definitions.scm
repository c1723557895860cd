(class_declaration name: (_) @name body: (_) @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(annotation_type_declaration name: (_) @name body: (_) @body) @definition.interface
(record_declaration name: (_) @name body: (_) @body) @definition.record
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(enum_constant name: (_) @name) @definition.constant
(enum_constant name: (_) @name body: (_) @body) @definition.constant

(method_declaration name: (_) @name body: (_)? @body) @definition.method
(annotation_type_element_declaration name: (_) @name) @definition.method
(constructor_declaration name: (_) @name body: (_) @body) @definition.constructor
(compact_constructor_declaration name: (_) @name body: (_) @body) @definition.constructor

(field_declaration declarator: (variable_declarator name: (_) @name)) @definition.field
((field_declaration (modifiers) @_modifiers declarator: (variable_declarator name: (_) @name)) @definition.constant
  (#match? @_modifiers "\\bstatic\\b")
  (#match? @_modifiers "\\bfinal\\b"))
(constant_declaration declarator: (variable_declarator name: (_) @name)) @definition.constant
(record_declaration parameters: (formal_parameters (formal_parameter name: (_) @name) @definition.field))
