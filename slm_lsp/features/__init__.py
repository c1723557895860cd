"""What a user asks for, without knowing who asks: the server and the command line call the same functions."""
