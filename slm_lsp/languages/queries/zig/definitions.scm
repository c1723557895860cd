((Decl (VarDecl variable_type_function: (IDENTIFIER) @name
  (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType) @_type))))) @definition.struct
  (#match? @_type "^(struct|opaque)"))
((Decl (VarDecl variable_type_function: (IDENTIFIER) @name
  (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType) @_type))))) @definition.enum
  (#match? @_type "^enum"))
((Decl (VarDecl variable_type_function: (IDENTIFIER) @name
  (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType) @_type))))) @definition.union
  (#match? @_type "^union"))
(Decl (VarDecl variable_type_function: (IDENTIFIER) @name
  (ErrorUnionExpr (SuffixExpr (ErrorSetDecl))))) @definition.enum
(ErrorSetDecl field_constant: (IDENTIFIER) @name @definition.constant)

(ContainerField field_member: (IDENTIFIER) @name) @definition.field
(ContainerDecl
  (ContainerDeclType) @_type
  (ContainerField (ErrorUnionExpr (SuffixExpr variable_type_function: (IDENTIFIER) @name))) @definition.constant
  (#match? @_type "^enum"))

(Decl (FnProto function: (IDENTIFIER) @name) (Block)? @body) @definition.function
; All other declarations with a value, except imports.
((Decl (VarDecl variable_type_function: (IDENTIFIER) @name (ErrorUnionExpr (SuffixExpr . (_) @_value)) .))
  @definition.variable
  (#not-match? @_value "^(@import|@cImport|struct|enum|union|opaque|error|packed|extern)"))
