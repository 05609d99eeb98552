"""Find the headers a scheme relies on, each sent exactly once."""

from collections.abc import Iterable, Mapping

from ingress.delivery import Reason, Rejected

Headers = tuple[tuple[bytes, bytes], ...]

# HTTP's optional blanks: not part of a header's value.
_BLANKS = b" \t"


def once(headers: Headers, names: Iterable[bytes]) -> Mapping[bytes, bytes]:
    """Index the headers by name. Raises `Rejected` if one of `names` was sent more than once.

    Of two values an attacker may have added one, and another reader may believe the other.
    """
    index = dict(headers)
    if len(index) != len(headers):
        sent = [name for name, _ in headers]
        if any(sent.count(name) > 1 for name in names):
            raise Rejected(Reason.HEADER_DUPLICATED)
    return index


def value(index: Mapping[bytes, bytes], name: bytes, missing: Reason) -> bytes:
    """Return a header's value without the blanks around it; raise `Rejected(missing)` if absent."""
    found = index.get(name)
    if found is None:
        raise Rejected(missing)
    return found.strip(_BLANKS)
