(import_decl (long_identifier) @module) @import
