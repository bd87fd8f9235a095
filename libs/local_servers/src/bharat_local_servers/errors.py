"""What can go wrong, told apart by what the caller should do about it."""


class ServerUnavailable(Exception):
    """A part is missing from this machine. The message names what was looked for and which install brings it.

    The caller decides whether that skips a test or fails it.
    """


class ServerFailed(Exception):
    """A server that is installed did not do as asked. The message ends with the last lines of its log, if any."""
