"""`Drift`: a verified body does not say what its provider's mapping expects. Pure."""

from consumers.exceptions import Code


class Drift(ValueError):
    """The event cannot be read, so no fact is taken from any part of it.

    The message names the place and the expectation, never the body's own text: it becomes evidence
    that people read. `about` narrows the exception's subject, where the event type is too wide.
    """

    def __init__(self, message: str, code: Code = Code.SCHEMA_DRIFT, about: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.about = about
