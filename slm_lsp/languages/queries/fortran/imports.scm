(use_statement . (module_name) @module .) @import
(use_statement (module_name) @module (included_items (identifier) @name)) @import
(use_statement
  (module_name) @module
  (included_items (use_alias (local_name) @alias (identifier) @name))) @import
(use_statement
  (module_name) @module
  (use_alias (local_name) @alias (identifier) @name)) @import
(include_statement path: (filename) @module) @import
