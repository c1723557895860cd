((VarDecl
  variable_type_function: (IDENTIFIER) @alias
  (ErrorUnionExpr (SuffixExpr
    (BUILTINIDENTIFIER) @_word
    (FnCallArguments (ErrorUnionExpr (SuffixExpr (STRINGLITERALSINGLE) @module)))))) @import
  (#eq? @_word "@import"))
