((call target: (identifier) @_word (arguments . (alias) @name) (do_block)? @body) @definition.module
  (#eq? @_word "defmodule"))
((call target: (identifier) @_word (arguments . (alias) @name) (do_block)? @body) @definition.interface
  (#eq? @_word "defprotocol"))
((call target: (identifier) @_word (arguments . (alias) @name) (do_block)? @body) @definition.impl
  (#eq? @_word "defimpl"))

((call
  target: (identifier) @_word
  (arguments . [
    (identifier) @name
    (call target: (identifier) @name)
    (binary_operator left: [(identifier) @name (call target: (identifier) @name)] operator: "when")
  ])
  (do_block)? @body) @definition.function
  (#any-of? @_word "def" "defp" "defdelegate" "defn"))
((call
  target: (identifier) @_word
  (arguments . [
    (identifier) @name
    (call target: (identifier) @name)
    (binary_operator left: [(identifier) @name (call target: (identifier) @name)] operator: "when")
  ])
  (do_block)? @body) @definition.macro
  (#any-of? @_word "defmacro" "defmacrop" "defguard" "defguardp"))

((unary_operator
  operator: "@"
  operand: (call target: (identifier) @_word (arguments (binary_operator left: [
    (identifier) @name (call target: (identifier) @name)
  ] operator: "::")))) @definition.type
  (#any-of? @_word "type" "typep" "opaque"))
((unary_operator operator: "@" operand: (call target: (identifier) @name)) @definition.constant
  (#not-match? @name "doc$|^(spec|typep?|opaque|impl|(macro)?callback|behaviour|derive|enforce_keys|external_resource)$")
  (#not-match? @name "^((before|after)_compile|on_load|dialyzer|compile|deprecated|tag|moduletag|describetag)$"))
