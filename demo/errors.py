"""What goes wrong in ways that a sentence explains."""


class DemoError(Exception):
    """Something that the person at the terminal should read."""
