(import_declaration (identifier) @module . ";") @import
(import_declaration (scoped_identifier scope: (_) @module name: (_) @name) . ";") @import
(import_declaration [(identifier) (scoped_identifier)] @module (asterisk) @name) @import
