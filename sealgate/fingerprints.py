"""Which secrets another environment holds, told without the secrets.

Production must not hold staging's secrets, not even to compare them. So each environment writes a
list of fingerprints, HMACs of its secrets under a random key that only these environments share,
and gives it to the others, which refuse to start with a secret that is in it. Who has a list and
not the key learns nothing from it; who has both could try to guess a short secret, so the key's
file is kept as the secrets are.

The list is text: a line that says whose it is and under which key it was made, then a line each.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ingress import secretfiles
from ingress.contract import topics
from ingress.settings import Mistake
from sealgate.config import Configuration
from sealgate.held import Held

KEY_BYTES = 32
_HEAD = "sealgate-fingerprints-1"
_MARK = b"which key made this list"
_FIELDS = 3
_KEY_SAID = f"must hold {KEY_BYTES} random bytes in hex: `openssl rand -hex {KEY_BYTES}` makes them"


class Foreign(NamedTuple):
    """Another environment's list: places by fingerprint."""

    environment: str
    places: dict[str, str]


def read_key(base: Path, file: Path) -> bytes:
    """Read the key that makes fingerprints. Raises `ValueError`."""
    text = secretfiles.read_secret_file(base, file)
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        raise ValueError(_KEY_SAID) from None
    if len(key) != KEY_BYTES or len(set(key)) == 1:
        raise ValueError(_KEY_SAID)
    return key


def written(key: bytes, environment: str, secrets: Iterable[Held]) -> Iterator[str]:
    """Write the list of an environment's secrets, line by line."""
    yield f"{_HEAD} {environment} {_made(key, _MARK)}"
    for one in secrets:
        yield f"{_made(key, one.secret.reveal())} {one.place}"


def parse(text: str, key: bytes) -> Foreign:
    """Read a list. Raises `ValueError`, saying what is wrong with it."""
    head, *lines = text.splitlines() or [""]
    fields = head.split(" ")
    if len(fields) != _FIELDS or fields[0] != _HEAD:
        raise ValueError("is no list of fingerprints; `sealgate fingerprints` writes one")
    environment = topics.check_environment(fields[1])
    if not hmac.compare_digest(fields[2], _made(key, _MARK)):
        raise ValueError(
            f"was made under another key than fingerprints.key_file, so it would never match: let "
            f"{environment!r} write it anew under the shared one"
        )
    rows = [line.partition(" ") for line in lines if line.strip()]
    return Foreign(environment, {mark: place for mark, _, place in rows})


def shared(configuration: Configuration, secrets: Sequence[Held]) -> Iterator[Mistake]:
    """Find the secrets that another environment holds too."""
    settings = configuration.settings.fingerprints
    if settings is None:
        return
    file = str(configuration.file)
    try:
        key = read_key(configuration.base, settings.key_file)
    except ValueError as wrong:
        yield Mistake("fingerprints.key_file", str(wrong), file)
        return
    for name in settings.foreign_files:
        place = f"fingerprints.foreign_files {name.name!r}"
        try:
            foreign = parse((configuration.base / name).read_text("utf-8"), key)
        except OSError as wrong:
            yield Mistake(place, f"cannot be read: {wrong.strerror}", file)
        except ValueError as wrong:
            yield Mistake(place, str(wrong), file)
        else:
            yield from _compared(configuration, key, foreign, secrets, place)


def _compared(
    configuration: Configuration, key: bytes, foreign: Foreign, secrets: Sequence[Held], place: str
) -> Iterator[Mistake]:
    if foreign.environment == configuration.settings.environment:
        yield Mistake(place, "is this environment's own list; name the others'", "")
        return
    for one in secrets:
        theirs = foreign.places.get(_made(key, one.secret.reveal()))
        if theirs is not None:
            yield Mistake(
                one.place,
                f"the same secret is {theirs} of the environment {foreign.environment!r}: what one "
                "accepts, the other does too; give each its own",
                one.file,
            )


def _made(key: bytes, secret: bytes) -> str:
    return hmac.new(key, secret, hashlib.sha256).hexdigest()
