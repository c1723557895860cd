(use_clause (selected_name) @module) @import
