(unit . (kUnit) (moduleName) @name) @definition.module
(program . (kProgram) (moduleName) @name) @definition.program
(library . (kLibrary) (moduleName) @name) @definition.module

(declType name: (identifier) @name type: (declClass (kClass))) @definition.class
(declType name: (identifier) @name type: (declClass (kObject))) @definition.class
(declType name: (identifier) @name type: (declClass (kRecord))) @definition.record
(declType name: (identifier) @name type: (declIntf)) @definition.interface
(declType name: (identifier) @name type: (declHelper)) @definition.class
(declType name: (identifier) @name type: (type (declEnum))) @definition.enum
(declType name: (identifier) @name type: (type [
  (typeref) (declProcRef) (declArray) (declSet) (declString) (declFile) (declMetaClass) (range)
])) @definition.type

(declEnumValue name: (identifier) @name) @definition.constant
(declField name: (identifier) @name) @definition.field
(declProp name: (identifier) @name) @definition.property
(unit (_ (declConsts (declConst name: (identifier) @name) @definition.constant)))
(unit (_ (declVars (declVar name: (identifier) @name) @definition.variable)))
(program (declConsts (declConst name: (identifier) @name) @definition.constant))
(program (declVars (declVar name: (identifier) @name) @definition.variable))
(library (declConsts (declConst name: (identifier) @name) @definition.constant))
(library (declVars (declVar name: (identifier) @name) @definition.variable))

; Declarations without a body. Definitions with a body follow below.
(interface (declProc (kFunction) name: (identifier) @name) @definition.function)
(interface (declProc (kProcedure) name: (identifier) @name) @definition.procedure)
(declSection (declProc [(kFunction) (kProcedure) (kDestructor)] name: (identifier) @name) @definition.method)
(declSection (declProc (kConstructor) name: (identifier) @name) @definition.constructor)
(declClass (declProc [(kFunction) (kProcedure) (kDestructor)] name: (identifier) @name) @definition.method)
(declClass (declProc (kConstructor) name: (identifier) @name) @definition.constructor)
(declIntf (declProc [(kFunction) (kProcedure) (kDestructor)] name: (identifier) @name) @definition.method)
(declHelper (declProc [(kFunction) (kProcedure) (kDestructor)] name: (identifier) @name) @definition.method)
(declHelper (declProc (kConstructor) name: (identifier) @name) @definition.constructor)

(defProc header: (declProc (kFunction) name: (identifier) @name) . (_) @body) @definition.function
(defProc header: (declProc (kProcedure) name: (identifier) @name) . (_) @body) @definition.procedure
(defProc
  header: (declProc [(kFunction) (kProcedure) (kDestructor)] name: (genericDot rhs: (identifier) @name)) . (_) @body)
  @definition.method
(defProc header: (declProc (kConstructor) name: (genericDot rhs: (identifier) @name)) . (_) @body)
  @definition.constructor
