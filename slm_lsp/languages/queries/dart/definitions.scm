(class_definition name: (identifier) @name body: (_) @body) @definition.class
(mixin_declaration (identifier) @name (class_body) @body) @definition.trait
(extension_declaration name: (identifier) @name body: (_) @body) @definition.impl
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(enum_constant name: (identifier) @name) @definition.constant
(type_alias . (type_identifier) @name) @definition.type

; In the tree, the body of a function is a sibling of its signature.
(program (function_signature name: (identifier) @name) @definition.function . (function_body) @body)
(program [
  (getter_signature name: (identifier) @name)
  (setter_signature name: (identifier) @name)
] @definition.function . (function_body) @body)
((method_signature [
  (function_signature name: (identifier) @name)
  (getter_signature name: (identifier) @name)
  (setter_signature name: (identifier) @name)
]) @definition.method . (function_body) @body)
((method_signature (constructor_signature name: (identifier) @name . parameters: (_)))
  @definition.constructor . (function_body) @body)
(declaration [
  (function_signature name: (identifier) @name)
  (getter_signature name: (identifier) @name)
  (setter_signature name: (identifier) @name)
]) @definition.method
(declaration (constructor_signature name: (identifier) @name . parameters: (_))) @definition.constructor
((method_signature (factory_constructor_signature (identifier) @name . (formal_parameter_list)))
  @definition.constructor . (function_body) @body)
(declaration (factory_constructor_signature (identifier) @name . (formal_parameter_list))) @definition.constructor
(declaration (redirecting_factory_constructor_signature (identifier) @name . (formal_parameter_list)))
  @definition.constructor

(declaration (initialized_identifier_list (initialized_identifier . (identifier) @name))) @definition.field
(declaration (static_final_declaration_list (static_final_declaration . (identifier) @name))) @definition.field
(program (static_final_declaration_list (static_final_declaration . (identifier) @name) @definition.constant))
(program (initialized_identifier_list (initialized_identifier . (identifier) @name) @definition.variable))
