(source (list_lit
  . value: (sym_lit name: (sym_name) @_word) . value: (sym_lit name: (sym_name) @name)) @definition.namespace
  (#any-of? @_word "ns"))
(source (list_lit
  . value: (sym_lit name: (sym_name) @_word) . value: (sym_lit name: (sym_name) @name)) @definition.function
  (#any-of? @_word "defn" "defn-" "defmulti" "defmethod"))
(source (list_lit
  . value: (sym_lit name: (sym_name) @_word) . value: (sym_lit name: (sym_name) @name)) @definition.variable
  (#any-of? @_word "def" "defonce"))
(source (list_lit
  . value: (sym_lit name: (sym_name) @_word) . value: (sym_lit name: (sym_name) @name)) @definition.macro
  (#any-of? @_word "defmacro"))
(source (list_lit
  . value: (sym_lit name: (sym_name) @_word) . value: (sym_lit name: (sym_name) @name)) @definition.record
  (#any-of? @_word "defrecord"))
(source (list_lit
  . value: (sym_lit name: (sym_name) @_word) . value: (sym_lit name: (sym_name) @name)) @definition.class
  (#any-of? @_word "deftype"))
(source (list_lit
  . value: (sym_lit name: (sym_name) @_word) . value: (sym_lit name: (sym_name) @name)) @definition.interface
  (#any-of? @_word "defprotocol" "definterface"))
(source (list_lit
  . value: (sym_lit name: (sym_name) @_word)
  value: (list_lit . value: (sym_lit name: (sym_name) @name)) @definition.method)
  (#any-of? @_word "defprotocol" "definterface"))
