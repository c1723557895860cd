; The parts of a module path are joined: `use a::{b::C}` imports `C` from `a::b`.
(use_declaration argument: (identifier) @module) @import
(use_declaration argument: (scoped_identifier path: (_) @module name: (_) @name)) @import
(use_declaration argument: (use_as_clause path: (identifier) @module alias: (_) @alias)) @import
(use_declaration argument: (use_as_clause
  path: (scoped_identifier path: (_) @module name: (_) @name) alias: (_) @alias)) @import
(use_declaration argument: (use_wildcard (_) @module "*" @name)) @import

(use_declaration argument: (use_list [
  (identifier) @module
  (scoped_identifier path: (_) @module name: (_) @name)
  (use_as_clause path: (identifier) @module alias: (_) @alias)
  (use_as_clause path: (scoped_identifier path: (_) @module name: (_) @name) alias: (_) @alias)
  (use_wildcard (_) @module "*" @name)
  (scoped_use_list path: (_) @module list: (use_list [
    (self) @_self
    (identifier) @name
    (use_as_clause path: (identifier) @name alias: (_) @alias)
    (use_wildcard . "*" @name)
    (scoped_identifier path: (_) @module name: (_) @name)]))])) @import

(use_declaration argument: (scoped_use_list path: (_) @module list: (use_list [
  (self) @_self
  (identifier) @name
  (use_as_clause path: (identifier) @name alias: (_) @alias)
  (use_as_clause path: (self) alias: (_) @alias)
  (use_as_clause path: (scoped_identifier path: (_) @module name: (_) @name) alias: (_) @alias)
  (use_wildcard . "*" @name)
  (use_wildcard (_) @module "*" @name)
  (scoped_identifier path: (_) @module name: (_) @name)
  (scoped_use_list path: (_) @module list: (use_list [
    (self) @_self
    (identifier) @name
    (use_as_clause path: (identifier) @name alias: (_) @alias)
    (use_wildcard . "*" @name)
    (use_wildcard (_) @module "*" @name)
    (scoped_identifier path: (_) @module name: (_) @name)
    (scoped_use_list path: (_) @module list: (use_list [
      (self) @_self
      (identifier) @name
      (use_as_clause path: (identifier) @name alias: (_) @alias)
      (use_wildcard . "*" @name)
      (scoped_identifier path: (_) @module name: (_) @name)]))]))]))) @import

(extern_crate_declaration name: (_) @module !alias) @import
(extern_crate_declaration name: (_) @module alias: (_) @alias) @import

; `mod x;` declares a module in its own file. It counts as an import, like `use x` and `extern crate x`.
(mod_item name: (_) @module !body) @import
