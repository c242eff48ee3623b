"""What a command cannot do, in words for whoever gave it."""


class CommandError(Exception):
    """It is not possible, or not now; the text says why and what to do. Ends the program with status 1."""


class EventStoreError(CommandError):
    """The event store cannot be asked; the text says why and what to set."""
