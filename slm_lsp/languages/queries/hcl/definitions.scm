; A block is named after its last label.
((block . (identifier) @_word (string_lit (template_literal) @name) . (block_start) . (body)? @body)
  @definition.variable
  (#eq? @_word "variable"))
((block . (identifier) @_word (string_lit (template_literal) @name) . (block_start) . (body)? @body)
  @definition.property
  (#eq? @_word "output"))
((block . (identifier) @_word (string_lit (template_literal) @name) . (block_start) . (body)? @body)
  @definition.module
  (#eq? @_word "module"))
((block . (identifier) @_word (string_lit (template_literal) @name) . (block_start) . (body)? @body)
  @definition.record
  (#not-match? @_word "^(variable|output|module)$"))
(block . (identifier) @_word (body (attribute . (identifier) @name) @definition.variable)
  (#eq? @_word "locals"))
