"""The headers of one delivery, indexed once; whichever a scheme relies on must come exactly once.

Of two values an attacker may have added one, and another reader may believe the other.
"""

from ingress.delivery import Reason, Rejected

Headers = tuple[tuple[bytes, bytes], ...]

# HTTP's optional blanks: not part of a header's value.
_BLANKS = b" \t"


class Index:
    """Headers by name (lower case), values without the blanks around them."""

    __slots__ = ("_headers", "_is_plain", "_values")

    def __init__(self, headers: Headers) -> None:
        self._headers = headers
        self._values = values = dict(headers)
        self._is_plain = len(values) == len(headers)

    def first(self, name: bytes) -> bytes | None:
        """Return the first value of a header as it came, None if absent."""
        if self._is_plain:
            return self._values.get(name)
        return next((value for key, value in self._headers if key == name), None)

    def lone(self, name: bytes) -> bytes | None:
        """Return the value, as it came, of a header that came once; None otherwise."""
        if self._is_plain:
            return self._values.get(name)
        found = [value for key, value in self._headers if key == name]
        return found[0] if len(found) == 1 else None

    def find(self, name: bytes) -> bytes | None:
        """Return the value of a header, None if absent; raise `Rejected` if it came twice."""
        found = self._values.get(name)
        if found is None:
            return None
        if not self._is_plain and len(self.every(name)) > 1:
            raise Rejected(Reason.HEADER_DUPLICATED)
        return found.strip(_BLANKS)

    def value(self, name: bytes, missing: Reason = Reason.HEADER_MISSING) -> bytes:
        """Return the value of a header. Raises `Rejected`: absent (`missing`), or sent twice."""
        found = self.find(name)
        if found is None:
            raise Rejected(missing)
        return found

    def every(self, name: bytes) -> list[bytes]:
        """Return every value of a header, in order. A name ending in ``*`` stands for a family."""
        if name.endswith(b"*"):
            family = name[:-1]
            return [v.strip(_BLANKS) for key, v in self._headers if key.startswith(family)]
        return [v.strip(_BLANKS) for key, v in self._headers if key == name]
