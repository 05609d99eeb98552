"""What every target is made of: its name in the table, and deliveries made of any bytes."""

from collections.abc import Callable

from ingress.delivery import Delivery
from ingress.schemes.parts.headers import Headers
from tests.support.attacks import NOW_MS

Target = Callable[[bytes], None]

TARGETS: dict[str, Target] = {}


def target(run: Target) -> Target:
    """Enter a function as a target, by its name."""
    TARGETS[run.__name__] = run
    return run


def check(holds: bool, what: str) -> None:
    """Fail unless something holds that must hold, also of a refusal."""
    if not holds:
        raise AssertionError(what)


def text_of(data: bytes) -> str:
    """Read bytes as text, whatever they are."""
    return data.decode("utf-8", "replace")


def stranger(data: bytes) -> Delivery:
    """Make a delivery of a stranger: everything in it is the stranger's."""
    head, _, body = data.partition(b"\n\n")
    lines = head.split(b"\n")
    headers: Headers = tuple(
        (name.lower(), value) for name, colon, value in (x.partition(b":") for x in lines) if colon
    )
    query = lines[0].partition(b"?")[2]
    method = "GET" if lines[0].startswith(b"G") else "POST"
    return Delivery("fuzz", method, query, headers, body, NOW_MS, "https://h.example/p?t=7")


def spliced(data: bytes, good: bytes) -> bytes:
    """Edit a good text as the data says: what is cut out where, and what is put there."""
    if len(data) < 4:
        return good
    at = int.from_bytes(data[:2], "big") % (len(good) + 1)
    return good[:at] + data[3:] + good[at + data[2] :]
