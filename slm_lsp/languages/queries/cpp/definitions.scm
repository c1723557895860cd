; inherits: c
(function_definition declarator: [
    (function_declarator declarator: [(identifier) (field_identifier) (operator_name) (destructor_name)] @name)
    (pointer_declarator declarator: (function_declarator
      declarator: [(identifier) (field_identifier) (operator_name)] @name))
    (pointer_declarator declarator: (pointer_declarator declarator: (function_declarator
      declarator: [(identifier) (field_identifier) (operator_name)] @name)))
    (reference_declarator (function_declarator
      declarator: [(identifier) (field_identifier) (operator_name)] @name))
    (operator_cast type: (_) @name)]
  body: (_)? @body) @definition.function

; For a definition outside its class, capture only the last name, because the class may be in another file.
(function_definition declarator: [
    (function_declarator declarator: (qualified_identifier
      name: [(identifier) (operator_name) (destructor_name)] @name))
    (pointer_declarator declarator: (function_declarator declarator: (qualified_identifier
      name: [(identifier) (operator_name)] @name)))
    (reference_declarator (function_declarator declarator: (qualified_identifier
      name: [(identifier) (operator_name)] @name)))
    (function_declarator declarator: (qualified_identifier name: (qualified_identifier
      name: [(identifier) (operator_name) (destructor_name)] @name)))
    (pointer_declarator declarator: (function_declarator declarator: (qualified_identifier
      name: (qualified_identifier name: [(identifier) (operator_name)] @name))))
    (reference_declarator (function_declarator declarator: (qualified_identifier
      name: (qualified_identifier name: [(identifier) (operator_name)] @name))))]
  body: (_)? @body) @definition.method

; Functions without a return type are constructors or destructors.
(function_definition !type declarator: (function_declarator declarator: (identifier) @name)
  body: (_)? @body) @definition.constructor
(field_declaration_list (declaration !type
  declarator: (function_declarator declarator: (identifier) @name)) @definition.constructor)
(field_declaration_list (declaration
  declarator: (function_declarator declarator: (destructor_name) @name)) @definition.method)
((function_definition !type declarator: (function_declarator declarator: (qualified_identifier
    scope: (_) @_scope name: (identifier) @name))
  body: (_)? @body) @definition.constructor
  (#eq? @_scope @name))

(class_specifier name: [(type_identifier) (template_type) (qualified_identifier)] @name
  body: (_) @body) @definition.class
(concept_definition name: (_) @name "=" @body) @definition.type
(alias_declaration name: (type_identifier) @name) @definition.type
(namespace_definition name: (_) @name body: (_) @body) @definition.namespace

(field_declaration declarator: (reference_declarator (field_identifier) @name)) @definition.field
(field_declaration declarator: [
    (function_declarator declarator: [(field_identifier) (operator_name)] @name)
    (pointer_declarator declarator: (function_declarator declarator: [(field_identifier) (operator_name)] @name))
    (reference_declarator (function_declarator
      declarator: [(field_identifier) (operator_name)] @name))]) @definition.method

(template_declaration (declaration declarator: [
    (function_declarator declarator: (identifier) @name)
    (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))
    (reference_declarator (function_declarator declarator: (identifier) @name))]) @definition.function)
(template_declaration (declaration declarator: (init_declarator declarator: (identifier) @name)) @definition.variable)

; Prototypes outside of functions, as in C.
(translation_unit (declaration
  declarator: (reference_declarator (function_declarator declarator: (identifier) @name))) @definition.function)
(preproc_ifdef (declaration
  declarator: (reference_declarator (function_declarator declarator: (identifier) @name))) @definition.function)
(preproc_if (declaration
  declarator: (reference_declarator (function_declarator declarator: (identifier) @name))) @definition.function)
(preproc_else (declaration
  declarator: (reference_declarator (function_declarator declarator: (identifier) @name))) @definition.function)
(declaration_list (declaration
  declarator: (reference_declarator (function_declarator declarator: (identifier) @name))) @definition.function)
(linkage_specification (declaration
  declarator: (reference_declarator (function_declarator declarator: (identifier) @name))) @definition.function)
