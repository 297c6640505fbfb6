"""What can go wrong when Mispair runs its own servers, in words that a person at a terminal can act on."""


class EmbeddedError(Exception):
    """A server, a child process or the data folder is not as it must be."""


class AlreadyRunningError(EmbeddedError):
    """Another process holds this data folder."""


class PortTakenError(EmbeddedError):
    """The address the API should listen on cannot be bound."""


class BinaryMissingError(EmbeddedError):
    """A program that the stack starts is not installed."""


class DataFolderError(EmbeddedError):
    """The data folder cannot be used: not writable, another owner, or made by another PostgreSQL."""


class ChildFailedError(EmbeddedError):
    """A child process ended, or did not become ready in time; the message quotes the end of its log."""


class StoppedEarlyError(EmbeddedError):
    """The person asked to stop before the stack was ready."""
