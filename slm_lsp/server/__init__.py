"""The language server. It handles the protocol (LSP); the packages below it do not know JSON-RPC or editors."""
