"""The client side of the engine: find or start the daemon, send requests, stop daemons."""
