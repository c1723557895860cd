(import_or_export (library_import (import_specification (configurable_uri (uri) @module) .))) @import
(import_or_export (library_import (import_specification
  (configurable_uri (uri) @module) (identifier) @alias))) @import
(import_or_export (library_import (import_specification
  (configurable_uri (uri) @module) (combinator "show" (identifier) @name)))) @import
