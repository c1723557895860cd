; The aliases include `.` and `_`.
(import_spec name: (_)? @alias path: (_) @module) @import
