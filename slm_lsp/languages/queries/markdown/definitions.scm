; A heading starts a section, which ends at the next heading of the same or a higher level.
(section . (atx_heading (inline) @name)) @definition.section
; In the grammar, an underlined heading starts no section.
(setext_heading (paragraph (inline) @name)) @definition.section
