((call target: (identifier) @_word (arguments . (alias) @module .)) @import
  (#any-of? @_word "alias" "import" "require" "use"))
((call target: (identifier) @_word (arguments . (dot left: (alias) @module right: (tuple (alias) @name)))) @import
  (#eq? @_word "alias"))
((call target: (identifier) @_word (arguments . (alias) @module (keywords (pair key: (keyword) @_key value: (alias) @alias))))
  @import
  (#eq? @_word "alias")
  (#match? @_key "^as:"))
((call target: (identifier) @_word (arguments . (alias) @module (keywords (pair key: (keyword) @_key)))) @import
  (#any-of? @_word "import" "require" "use")
  (#not-match? @_key "^as:"))
