(import_attribute module: (atom) @module funs: (fa fun: (atom) @name)) @import
(pp_include file: (string) @module) @import
(pp_include_lib file: (string) @module) @import
