(include_compiler_directive (double_quoted_string) @module) @import
