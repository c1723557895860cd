(include_statement (string (string_fragment) @module)) @import
