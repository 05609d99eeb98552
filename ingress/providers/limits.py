"""How large a body a source takes where nobody has said so.

To hash a stranger's body costs little; to parse it costs a hundred times as much, and some
signatures need that before it is known who sent it: their message is made of values of the body,
or the signature or its timestamp stands in it. Such a body may be 64 KiB, which is more than most
of these providers send; of the others the profile says what they send, and a source may say it too.
"""

from collections.abc import Iterator

from ingress.providers.declaration import Declaration
from ingress.providers.signature import Asym, Mac, Unsigned
from ingress.schemes.parts import places
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.scope import Covers
from ingress.schemes.parts.simple import Value

PARSED_BYTES_MAX = 64 * 1024
_IN_BODY = frozenset({Kind.JSON, Kind.FORM})


def body_bytes_max(said: Declaration, edge_bytes_max: int) -> int:
    """Return the limit for a source that says none: never more than the edge's own."""
    limit = said.body_bytes_max or (PARSED_BYTES_MAX if is_parsed_first(said) else edge_bytes_max)
    return min(limit, edge_bytes_max)


def is_parsed_first(said: Declaration) -> bool:
    """Say whether any signature needs its body parsed before it can be verified."""
    if any(place.kind in _IN_BODY for place in _places(said)):
        return True
    messages = [
        message for one in said.signature if isinstance(one, Mac | Asym) for message in one.messages
    ]
    # What is canonical is the body taken apart and written anew.
    return any(part.covers is Covers.CANONICAL for message in messages for part in message.parts)


def _places(said: Declaration) -> Iterator[Place]:
    """Yield every place that a signature is read from, and what it is judged by."""
    if said.timed is not None and said.timed.place is not None:
        yield said.timed.place
    for one in said.signature:
        if isinstance(one, Unsigned):
            continue
        yield one.place
        if isinstance(one, Mac | Asym):
            yield from (places.parse(condition.at) for condition in one.when)
            for message in one.messages:
                yield from (part.place for part in message.parts if isinstance(part, Value))
        if isinstance(one, Asym) and one.key_id is not None:
            yield places.parse(one.key_id)
