(declUses (moduleName) @module) @import
