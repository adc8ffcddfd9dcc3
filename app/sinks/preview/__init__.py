"""What a reader would see of a message, in a terminal and as a page: nothing is sent."""
