; A heading opens a section, which lasts until the next one of its level.
(section . (atx_heading (inline) @name)) @definition.section
; Underlined headings open none in the grammar.
(setext_heading (paragraph (inline) @name)) @definition.section
