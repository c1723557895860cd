(with_clause (_) @module) @import
