; In the grammar, the node of a section or paragraph is only its heading. `ends.py` computes where it ends.
(program_definition (identification_division (program_name) @name .) . (_) @body) @definition.program
(program_definition (identification_division (program_name) @name . (_) @body)) @definition.program
(section_header) @name @definition.section
(paragraph_header) @name @definition.paragraph

(file_description_entry . (WORD) @name) @definition.record

; FILLER items have no name. At level 01, an item without its own picture or value is a record.
((data_description . (level_number) @_level . (entry_name) @name .) @definition.record
  (#match? @_level "^0?1$")
  (#not-match? @name "(?i)^filler$"))
((data_description . (level_number) @_level . (entry_name) @name . [(redefines_clause) (occurs_clause)] .)
  @definition.record
  (#match? @_level "^0?1$")
  (#not-match? @name "(?i)^filler$"))
((data_description . (level_number) @_level . (entry_name) @name [(picture_clause) (usage_clause)])
  @definition.variable
  (#match? @_level "^(0?1|77)$")
  (#not-match? @name "(?i)^filler$"))
((data_description . (level_number) @_level . (entry_name) @name) @definition.field
  (#match? @_level "^(0?[2-9]|[1-4][0-9]|66)$")
  (#not-match? @name "(?i)^filler$"))
((data_description . (level_number) @_level . (entry_name) @name) @definition.constant
  (#match? @_level "^(78|88)$"))
