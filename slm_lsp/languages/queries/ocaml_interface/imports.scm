(open_module module: (_) @module) @import
