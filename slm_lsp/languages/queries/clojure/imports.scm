(list_lit
  . value: (kwd_lit name: (kwd_name) @_word)
  value: [(vec_lit . value: (sym_lit) @module) (sym_lit) @module]
  (#any-of? @_word "require" "use")) @import
(list_lit
  . value: (kwd_lit name: (kwd_name) @_word)
  value: (list_lit . value: (sym_lit) @module value: (sym_lit) @name)
  (#eq? @_word "import")) @import
