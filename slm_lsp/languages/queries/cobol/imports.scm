(copy_statement book: (_) @module) @import
