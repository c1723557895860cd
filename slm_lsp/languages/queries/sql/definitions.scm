(statement (create_table (object_reference name: (identifier) @name) (column_definitions)? @body)) @definition.record
(column_definitions (column_definition name: (identifier) @name) @definition.field)
(statement (create_view (object_reference name: (identifier) @name) (create_query)? @body)) @definition.record
(statement (create_materialized_view (object_reference name: (identifier) @name) (create_query)? @body))
  @definition.record
(statement (create_type (object_reference name: (identifier) @name))) @definition.type
(statement (create_sequence (object_reference name: (identifier) @name))) @definition.variable
(statement (create_function (object_reference name: (identifier) @name) (function_body)? @body)) @definition.function
(statement (create_trigger (keyword_trigger) . (object_reference name: (identifier) @name))) @definition.procedure
(statement (create_schema (identifier) @name)) @definition.namespace
