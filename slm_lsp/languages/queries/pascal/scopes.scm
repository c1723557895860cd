(defProc) @scope
; The head of a defProc is no scope by itself: its parameters belong to the whole.
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
