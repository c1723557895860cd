(import_clause moduleName: (_) @module !exposing !asClause) @import
(import_clause moduleName: (_) @module asClause: (as_clause name: (_) @alias)) @import
(import_clause moduleName: (_) @module exposing: (exposing_list [
  (exposed_type (upper_case_identifier) @name)
  (exposed_value (lower_case_identifier) @name)
])) @import
