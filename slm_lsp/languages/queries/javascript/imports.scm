(import_statement (import_clause (identifier) @default) source: (string) @module) @import

(import_statement
  (import_clause (namespace_import "*" @name (identifier) @alias))
  source: (string) @module) @import

(import_statement
  (import_clause (named_imports (import_specifier name: _ @name !alias)))
  source: (string) @module) @import

(import_statement
  (import_clause (named_imports (import_specifier name: _ @name alias: (identifier) @alias)))
  source: (string) @module) @import

; An import for its side effects only.
(import_statement "import" . source: (string) @module) @import

(export_statement (export_clause (export_specifier name: _ @name !alias)) source: (string) @module) @import
(export_statement
  (export_clause (export_specifier name: _ @name alias: _ @alias))
  source: (string) @module) @import
(export_statement "*" @name source: (string) @module) @import
(export_statement (namespace_export "*" @name (_) @alias) source: (string) @module) @import

((variable_declarator
  name: (identifier) @alias
  value: (call_expression
    function: (identifier) @_require
    arguments: (arguments . (string) @module))) @import
  (#eq? @_require "require"))
((variable_declarator
  name: (object_pattern (shorthand_property_identifier_pattern) @name)
  value: (call_expression
    function: (identifier) @_require
    arguments: (arguments . (string) @module))) @import
  (#eq? @_require "require"))
((variable_declarator
  name: (object_pattern (pair_pattern key: (property_identifier) @name value: (identifier) @alias))
  value: (call_expression
    function: (identifier) @_require
    arguments: (arguments . (string) @module))) @import
  (#eq? @_require "require"))
((expression_statement (call_expression
  function: (identifier) @_require
  arguments: (arguments . (string) @module))) @import
  (#eq? @_require "require"))

(call_expression function: (import) arguments: (arguments . (string) @module)) @import
