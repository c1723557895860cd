(perform_procedure (label (qualified_word (WORD) @reference.call)))
(goto_statement to: (label (qualified_word (WORD) @reference.call)))
(call_statement x: (_) @reference.call)
(procedure_param) @reference.name
(WORD) @reference.name
