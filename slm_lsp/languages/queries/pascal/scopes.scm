(defProc) @scope
; The header of a defProc is not a scope: its parameters belong to the scope of the whole defProc.
(interface (declProc) @scope)
(declSection (declProc) @scope)
(declClass (declProc) @scope)
(declIntf (declProc) @scope)
(declProcRef) @scope
(declClass) @scope
(declIntf) @scope
(lambda) @scope

(declArg name: (identifier) @local)
(declVar name: (identifier) @local)
(declConst name: (identifier) @local)
(declField name: (identifier) @local)
