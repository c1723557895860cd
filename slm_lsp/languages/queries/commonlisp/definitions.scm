((list_lit (defun (defun_header keyword: (defun_keyword) @_word function_name: (sym_lit) @name))) @definition.function
  (#any-of? @_word "defun" "defgeneric"))
((list_lit (defun (defun_header keyword: (defun_keyword) @_word function_name: (sym_lit) @name))) @definition.method
  (#any-of? @_word "defmethod"))
((list_lit (defun (defun_header keyword: (defun_keyword) @_word function_name: (sym_lit) @name))) @definition.macro
  (#any-of? @_word "defmacro"))
(source (list_lit . value: (sym_lit) @_word . value: (sym_lit) @name) @definition.variable
  (#any-of? @_word "defvar" "defparameter"))
(source (list_lit . value: (sym_lit) @_word . value: (sym_lit) @name) @definition.constant
  (#any-of? @_word "defconstant"))
(source (list_lit . value: (sym_lit) @_word . value: (sym_lit) @name) @definition.class
  (#any-of? @_word "defclass" "define-condition"))
(source (list_lit . value: (sym_lit) @_word . value: (sym_lit) @name) @definition.struct
  (#any-of? @_word "defstruct"))
(source (list_lit . value: (sym_lit) @_word . value: (sym_lit) @name) @definition.type
  (#any-of? @_word "deftype"))
(source (list_lit . value: (sym_lit) @_word . value: (kwd_lit (kwd_symbol) @name)) @definition.module
  (#eq? @_word "defpackage"))
