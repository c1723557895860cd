; The whole program is one scope.
(program_definition) @scope
((data_description (entry_name) @local)
  (#not-match? @local "(?i)^filler$"))
(file_description_entry . (WORD) @local)
