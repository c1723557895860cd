(using_statement [(identifier) (import_path)] @module) @import
(import_statement [(identifier) (import_path)] @module) @import
(_ (selected_import . (_) @module (identifier) @name)) @import
