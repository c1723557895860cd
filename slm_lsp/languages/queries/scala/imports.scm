(import_declaration . path: (identifier) @module .) @import
(import_declaration . path: (identifier) @module ("." path: (identifier) @module)* "." path: (identifier) @module .)
  @import
(import_declaration . path: (identifier) @module ("." path: (identifier) @module)* "." (namespace_wildcard) @name)
  @import
(import_declaration
  . path: (identifier) @module ("." path: (identifier) @module)* "."
  (namespace_selectors (identifier) @name)) @import
(import_declaration
  . path: (identifier) @module ("." path: (identifier) @module)* "."
  (namespace_selectors (arrow_renamed_identifier name: (identifier) @name alias: (identifier) @alias))) @import
