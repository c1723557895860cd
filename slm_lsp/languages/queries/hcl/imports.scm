(block . (identifier) @_block (body (attribute
  . (identifier) @_word
  (expression (literal_value (string_lit (template_literal) @module)))) @import)
  (#eq? @_block "module")
  (#eq? @_word "source"))
