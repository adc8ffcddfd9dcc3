"""The terminal: each message as its reader would see it."""
