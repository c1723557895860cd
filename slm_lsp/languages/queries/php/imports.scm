(namespace_use_declaration
  (namespace_use_clause !alias . [(qualified_name) (name)] @module)) @import
(namespace_use_declaration
  (namespace_use_clause . [(qualified_name) (name)] @module alias: (name) @alias)) @import
(namespace_use_declaration
  (namespace_name) @module
  body: (namespace_use_group
    (namespace_use_clause !alias . [(qualified_name) (name)] @name))) @import
(namespace_use_declaration
  (namespace_name) @module
  body: (namespace_use_group
    (namespace_use_clause . [(qualified_name) (name)] @name alias: (name) @alias))) @import

([
  (require_expression [(_ (string_content) @module) (_ right: (_ (string_content) @module))])
  (require_once_expression [(_ (string_content) @module) (_ right: (_ (string_content) @module))])
  (include_expression [(_ (string_content) @module) (_ right: (_ (string_content) @module))])
  (include_once_expression [(_ (string_content) @module) (_ right: (_ (string_content) @module))])
] @import)
