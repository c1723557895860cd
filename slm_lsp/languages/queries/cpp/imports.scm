; inherits: c
(using_declaration "namespace" [(identifier) (qualified_identifier)] @module) @import
(using_declaration "using" . (qualified_identifier
  scope: (_) @module name: [(identifier) (type_identifier)] @name)) @import
(using_declaration "using" . (qualified_identifier
  scope: (_) @module name: (qualified_identifier scope: (_) @module name: [(identifier) (type_identifier)] @name))) @import
(namespace_alias_definition name: (_) @alias [
  (namespace_identifier) @module
  (nested_namespace_specifier) @module] . ";") @import
