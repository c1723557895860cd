(import_directive !import_name source: (string) @module) @import
(import_directive import_name: (identifier) @name source: (string) @module) @import
