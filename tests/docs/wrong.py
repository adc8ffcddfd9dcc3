"""What a page got wrong, as one sentence for whoever wrote it."""


class Wrong(Exception):
    """A block that no reader could follow."""
