(function_item name: (_) @name body: (_) @body) @definition.function
(function_signature_item name: (_) @name) @definition.function

(struct_item name: (_) @name body: (field_declaration_list) @body) @definition.struct
(struct_item name: (_) @name) @definition.struct
(union_item name: (_) @name body: (_) @body) @definition.union
(enum_item name: (_) @name body: (_) @body) @definition.enum
(enum_variant name: (_) @name) @definition.constant
(field_declaration name: (_) @name) @definition.field
(trait_item name: (_) @name body: (_) @body) @definition.trait
(type_item name: (_) @name) @definition.type
(associated_type name: (_) @name) @definition.type
(impl_item type: [
  (type_identifier) @name
  (generic_type type: (type_identifier) @name)
  (generic_type type: (scoped_type_identifier name: (_) @name))
  (scoped_type_identifier name: (_) @name)
  (primitive_type) @name
  (reference_type type: (type_identifier) @name)] body: (_) @body) @definition.impl

(mod_item name: (_) @name body: (_) @body) @definition.module
(macro_definition name: (_) @name . [(macro_rule) "(" "{" "["] @body) @definition.macro

(source_file (const_item name: (_) @name) @definition.constant)
(declaration_list (const_item name: (_) @name) @definition.constant)
(source_file (static_item name: (_) @name) @definition.variable)
(declaration_list (static_item name: (_) @name) @definition.variable)
