"""Every door through which something from outside comes in: what is bad is refused in one message."""
