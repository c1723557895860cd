; Blocks are not scopes here: a name bound anywhere in a function counts as local in the whole function.
(source_file) @scope
(mod_item body: (_)) @scope
(function_item) @scope
(function_signature_item) @scope
(closure_expression) @scope

(parameter pattern: (identifier) @local)
(self_parameter (self) @local)
(closure_parameters (identifier) @local)
(let_declaration pattern: (identifier) @local)
(for_expression pattern: (identifier) @local)
(tuple_pattern (identifier) @local)
(slice_pattern (identifier) @local)
(mut_pattern (identifier) @local)
(ref_pattern (identifier) @local)
(reference_pattern (identifier) @local)
(captured_pattern . (identifier) @local)
(field_pattern name: (shorthand_field_identifier) @local)
(field_pattern pattern: (identifier) @local)
; Identifiers that start with a capital are constants or enum variants, not new names.
((tuple_struct_pattern type: (_) (identifier) @local) (#match? @local "^[a-z_]"))
((match_pattern (identifier) @local) (#match? @local "^[a-z_]"))
