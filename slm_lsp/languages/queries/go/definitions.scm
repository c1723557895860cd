(function_declaration name: (identifier) @name body: (_)? @body) @definition.function
; The receiver is part of the signature, because its type may be defined in another file.
(method_declaration name: (field_identifier) @name body: (_)? @body) @definition.method

; For a single type, capture the whole declaration, so that the comment above belongs to it. In a group, capture each
; type separately.
(type_declaration "type" . (type_spec
  name: (_) @name type: (struct_type (field_declaration_list) @body))) @definition.struct
(type_declaration "(" (type_spec
  name: (_) @name type: (struct_type (field_declaration_list) @body)) @definition.struct)
(type_declaration "type" . (type_spec name: (_) @name type: (interface_type "{" @body))) @definition.interface
(type_declaration "(" (type_spec name: (_) @name type: (interface_type "{" @body)) @definition.interface)
(type_declaration "type" . (type_spec name: (_) @name)) @definition.type
(type_declaration "(" (type_spec name: (_) @name) @definition.type)
(type_declaration "type" . (type_alias name: (_) @name)) @definition.type
(type_declaration "(" (type_alias name: (_) @name) @definition.type)

(field_declaration name: (field_identifier) @name) @definition.field
(method_elem name: (field_identifier) @name) @definition.method

(source_file (const_declaration "const" . (const_spec (identifier) @name)) @definition.constant)
(source_file (const_declaration "(" (const_spec (identifier) @name) @definition.constant))
(source_file (var_declaration (var_spec name: (identifier) @name)) @definition.variable)
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @definition.variable)))
