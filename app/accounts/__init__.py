"""Which accounts there are to look at."""
