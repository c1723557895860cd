; `.` and `_` are aliases too.
(import_spec name: (_)? @alias path: (_) @module) @import
