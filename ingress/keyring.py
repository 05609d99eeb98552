"""`Secret`, `Key`, `Keyring` and `Ring`: what a source verifies with, and when. Pure.

The bytes of a secret flow in once, from a file, and out only through `reveal`. Nothing else shows
them: no repr, no format, no pickle, no error. Several keys of a source are live at the same time,
because a provider changes its secret at one moment and we at another. A `Ring` is asked at every
delivery for the keys that are usable at that moment: those that are not revoked, within their
window.
"""

import codecs
import hmac
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from typing import NamedTuple, NoReturn

from ingress.schemes.parts import keys as schemes

# Rotation needs two, an emergency in the middle of one needs three. Every delivery is tried with
# every key, at some 2 us each, so eight cost a forger nothing and us 16 us.
KEYS_MAX = 8
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Secret:
    """Bytes that only `reveal` shows. Two are compared in constant time, and none has a hash."""

    __slots__ = ("_bytes",)

    def __init__(self, secret: bytes) -> None:
        if not secret:
            raise ValueError("the secret is empty; anybody could sign with it")
        self._bytes = bytes(secret)

    def reveal(self) -> bytes:
        """Return the bytes, to compute with; never to print, store or send."""
        return self._bytes

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._bytes, other._bytes)

    def __hash__(self) -> NoReturn:
        raise TypeError("a secret has no hash, for that would be its fingerprint: compare it")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")


@dataclass(frozen=True, slots=True)
class Key:
    """One secret under a name that may be shown: in metrics, logs and envelopes."""

    id: str
    secret: Secret

    def __post_init__(self) -> None:
        # The id is not quoted: what is no id may be the secret, put in the wrong place.
        if not _KEY_ID.fullmatch(self.id):
            raise ValueError(
                "a key id is 1-64 of A-Z, a-z, 0-9, '.', '_' and '-', "
                "beginning with a letter or digit"
            )


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one source, in the order they are tried. Empty, it verifies nothing."""

    keys: tuple[Key, ...]

    def __post_init__(self) -> None:
        if len(self.keys) > KEYS_MAX:
            raise ValueError(f"{len(self.keys)} keys are too many; at most {KEYS_MAX} are tried")
        for one, other in combinations(self.keys, 2):
            if one.id == other.id:
                raise ValueError(f"the key id {one.id!r} is used twice; give each key its own")
            if one.secret == other.secret:
                raise ValueError(
                    f"the keys {one.id!r} and {other.id!r} hold the same secret; remove one"
                )

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the keys, in order."""
        return tuple(key.id for key in self.keys)


class Status(StrEnum):
    """What a key may still do."""

    ACTIVE = "active"
    VERIFY_ONLY = "verify-only"
    """Proves deliveries, and signs nothing of ours: it is on its way out."""
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Live:
    """One verifying key with what its operator says of it. Times are milliseconds since the epoch.

    It is usable from `not_before_ms` until, and not at, `not_after_ms`; None is no bound.
    """

    id: str
    key: schemes.Key = field(repr=False)
    status: Status = Status.ACTIVE
    not_before_ms: int | None = None
    not_after_ms: int | None = None

    def is_usable(self, now_ms: int) -> bool:
        """Say whether a delivery may be proven with it now."""
        if self.status is Status.REVOKED:
            return False
        if self.not_before_ms is not None and now_ms < self.not_before_ms:
            return False
        return self.not_after_ms is None or now_ms < self.not_after_ms


class Usable(NamedTuple):
    """The keys of a moment: `ids` of `keys`, in the order they are tried; `signing` sign for us."""

    ids: tuple[str, ...]
    keys: tuple[schemes.Key, ...]
    signing: tuple[schemes.Key, ...]


class Ring:
    """The verifying keys of one source.

    Windows open and close at known instants, so what is usable is computed once for the time
    between two of them, and a delivery costs two comparisons.
    """

    __slots__ = ("_bounds_ms", "_from_ms", "_until_ms", "_usable", "keys")

    def __init__(self, keys: Sequence[Live]) -> None:
        self.keys = tuple(keys)
        bounds = {
            bound
            for key in self.keys
            for bound in (key.not_before_ms, key.not_after_ms)
            if bound is not None
        }
        self._bounds_ms = sorted(bounds)
        self._from_ms = self._until_ms = 0.0
        self._usable = Usable((), (), ())

    def __repr__(self) -> str:
        return f"Ring{self.keys!r}"

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of all keys, whatever they may still do."""
        return tuple(key.id for key in self.keys)

    def at(self, now_ms: int) -> Usable:
        """Return the keys that are usable now. `now_ms` is milliseconds since the epoch."""
        if not self._from_ms <= now_ms < self._until_ms:
            self._look(now_ms)
        return self._usable

    def _look(self, now_ms: int) -> None:
        self._from_ms = max((b for b in self._bounds_ms if b <= now_ms), default=-math.inf)
        self._until_ms = min((b for b in self._bounds_ms if b > now_ms), default=math.inf)
        live = [key for key in self.keys if key.is_usable(now_ms)]
        self._usable = Usable(
            tuple(key.id for key in live),
            tuple(key.key for key in live),
            tuple(key.key for key in live if key.status is Status.ACTIVE),
        )


def secret_from_file_bytes(raw: bytes) -> bytes:
    r"""Return a secret file's content without the one line end that an editor adds.

    Only one ``\n`` or ``\r\n`` goes: blanks may be part of a secret. Raises `ValueError` if nothing
    is left.
    """
    secret = raw.removesuffix(b"\n")
    if secret != raw:
        secret = secret.removesuffix(b"\r")
    if not secret:
        raise ValueError("it is empty; write the provider's signing secret into it")
    if secret.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("it begins with a byte order mark, which no secret does; save it without")
    return secret
