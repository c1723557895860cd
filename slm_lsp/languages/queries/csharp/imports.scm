(using_directive !name [(identifier) (qualified_name)] @module) @import
(using_directive name: (_) @alias "=" (_) @module) @import
