"""What to do, as data. Pure: no I/O, no clock."""
