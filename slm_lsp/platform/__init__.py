"""Everything that differs between operating systems, one module for each subject. Linux and macOS are supported."""
