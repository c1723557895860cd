"""What no index and no prompt may contain: secrets in text, and files that hold them."""
