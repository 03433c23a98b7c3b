"""What can go wrong before anything runs, told so that a person can act on it."""


class EmbeddedError(Exception):
    """The embedded services cannot run here; the message says why and what to do."""
