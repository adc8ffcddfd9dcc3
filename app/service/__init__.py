"""One cycle from accounts to sinks, and the daemon around it."""
