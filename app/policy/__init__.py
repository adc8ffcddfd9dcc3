"""What the policy says of one credential. Pure: no I/O, no clock."""
