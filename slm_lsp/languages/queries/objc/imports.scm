(preproc_include path: (_) @module) @import
(module_import path: (_) @module) @import
