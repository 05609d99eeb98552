"""Form bodies and queries (application/x-www-form-urlencoded), and what providers sign of them.

Bytes flow in, named texts flow out, in the order sent and with every repetition; from these, the
bytes that Paddle Classic and Twilio sign. All this is done before anything is proven, so it is
bounded, linear (but for the sorting of a bounded number of names) and raises only `Rejected`.
"""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

from ingress.delivery import Reason, Rejected

FIELDS_MAX = 1000

Fields = Sequence[tuple[str, str]]

# What PHP keeps as it is: other names it rewrites (a.b), nests (a[b]), turns into integers (5) or
# compares as numbers (1e3), each in another way from version to version.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def parse(body: bytes) -> list[tuple[str, str]]:
    """Take a form apart, blank values included. Raises `Rejected` unless it is UTF-8 throughout.

    An escape that is none (``%zz``, a lone ``%``) stands for itself: the WHATWG's rule, which PHP,
    Python and so the providers' own libraries follow. To refuse it would refuse what they sign.
    """
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError:
        raise Rejected(Reason.BODY_MALFORMED) from None


def only(fields: Fields, name: str) -> str:
    """Return the single value of a field that a scheme relies on.

    Raises `Rejected`: a missing one proves nothing, and of two an attacker chose one.
    """
    found = [value for key, value in fields if key == name]
    if not found:
        raise Rejected(Reason.HEADER_MISSING)
    if len(found) > 1:
        raise Rejected(Reason.HEADER_DUPLICATED)
    return found[0]


def php_serialize(fields: Fields, without: str) -> bytes:
    """Print PHP's ``serialize`` of the fields, sorted by ``ksort``, less the one that signs.

    Raises `Rejected` for a name that is no plain word, and for a name sent twice: PHP would keep
    the last and drop the others unsigned, where another reader may believe the first.
    """
    only(fields, without)
    values = dict(fields)
    if len(values) != len(fields):
        raise Rejected(Reason.HEADER_DUPLICATED)
    del values[without]
    if not all(map(_WORD.fullmatch, values)):
        raise Rejected(Reason.BODY_MALFORMED)
    entries = [_php_string(name) + _php_string(values[name]) for name in sorted(values)]
    return b"a:%d:{%b}" % (len(entries), b"".join(entries))


def twilio(fields: Fields) -> bytes:
    """Join name and value of every field, sorted, equal ones once: what Twilio adds to the URL."""
    return "".join(name + value for name, value in sorted(set(fields))).encode()


def _php_string(text: str) -> bytes:
    encoded = text.encode()
    return b's:%d:"%b";' % (len(encoded), encoded)
