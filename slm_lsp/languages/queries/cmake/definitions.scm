(function_def (function_command (argument_list . (argument) @name)) (body)? @body) @definition.function
(macro_def (macro_command (argument_list . (argument) @name)) (body)? @body) @definition.macro

; Command names ignore case.
(source_file (normal_command (identifier) @_word (argument_list . (argument (unquoted_argument) @name)))
  @definition.variable
  (#match? @_word "(?i)^(set|option)$"))
((normal_command (identifier) @_word (argument_list . (argument (unquoted_argument) @name))) @definition.module
  (#match? @_word "(?i)^(add_library|project)$")
  (#not-match? @name "[$]"))
((normal_command (identifier) @_word (argument_list . (argument (unquoted_argument) @name))) @definition.program
  (#match? @_word "(?i)^add_executable$")
  (#not-match? @name "[$]"))
((normal_command (identifier) @_word (argument_list . (argument (unquoted_argument) @name))) @definition.procedure
  (#match? @_word "(?i)^add_custom_target$")
  (#not-match? @name "[$]"))
