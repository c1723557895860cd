(import module: (module) @module !names !alias) @import
(import module: (module) @module alias: (module) @alias !names) @import
(import module: (module) @module names: (import_list name: (import_name (_) @name))) @import
