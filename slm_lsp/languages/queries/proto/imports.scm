(import path: (string) @module) @import
