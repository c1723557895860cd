; The names of a program are its own, and there are no smaller scopes.
(program_definition) @scope
((data_description (entry_name) @local)
  (#not-match? @local "(?i)^filler$"))
(file_description_entry . (WORD) @local)
