"""Which key signed a delivery: one of those configured, or one that was fetched.

A delivery flows in, and the `Signer` flows out, or `Rejected`. Where the delivery names a key that
is not held, and its provider publishes its keys, the key is wished for and the refusal says so with
`KeyAwaited`: nothing is fetched here, and the provider's retry finds the key.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts.keys import Key
from ingress.settings import KEY_ID
from ingress.sources import FETCHED, UNSIGNED, Source

_KEY_ID = re.compile(KEY_ID)
_DIGEST_CHARACTERS = 32
# What a delivery is refused for while its key is not there yet. With a configured key that has no
# name, a delivery of another key is a mismatch like any other.
_FOR_WANT_OF_A_KEY = frozenset({Reason.KEY_MISSING, Reason.KEY_UNKNOWN, Reason.SIGNATURE_MISMATCH})


class Fetched(Protocol):
    """Keys that are fetched ahead of need; see `ingress.keysources`."""

    def keys(self) -> tuple[Key, ...]:
        """Return what is held now."""

    def want(self, kid: str) -> None:
        """Note that a key is missing. Never waits, never raises."""


class Signer(NamedTuple):
    """The key that signed: its id, its metric label, and itself; nothing signed where it is None.

    A label is configured: fetched keys share one, or a provider would make a series of each.
    """

    key_id: str
    label: str
    key: Key | None


class KeyAwaited(Rejected):
    """The key that the delivery names is not held yet, and may be soon."""


def verify(
    delivery: Delivery, source: Source, fetched: Fetched | None, now_ms: int | None = None
) -> Signer:
    """Return who signed. Raises `Rejected`, and `KeyAwaited` where a retry may verify.

    The keys are those usable at `now_ms`, which is the receipt unless it is judged later; how old
    the delivery is, is judged by its receipt in any case.
    """
    usable = source.ring.at(delivery.received_ms if now_ms is None else now_ms)
    held = fetched.keys() if fetched is not None else ()
    keys = (*usable.keys, *held) if held else usable.keys
    try:
        index = source.profile.verify(delivery, keys)
        source.profile.check_content(delivery)
    except Rejected as rejected:
        if fetched is not None and rejected.reason in _FOR_WANT_OF_A_KEY:
            kid = source.profile.kid(delivery) or ""
            if _is_wanting(kid, keys):
                fetched.want(kid)
                raise KeyAwaited(rejected.reason) from None
        raise
    if not source.profile.is_signed:
        return Signer(UNSIGNED, UNSIGNED, None)
    if index < len(usable.ids):
        key_id = usable.ids[index]
        return Signer(key_id, key_id, keys[index])
    return Signer(_shown(keys[index].kid), FETCHED, keys[index])


def _is_wanting(kid: str, keys: Sequence[Key]) -> bool:
    """Say whether the key named is none of ours; without a name, whether there is none at all."""
    return not any(key.kid == kid for key in keys) if kid else not keys


def _shown(kid: str) -> str:
    """Return the provider's name of a key, or where it cannot be a key id, a digest of it."""
    if not kid:
        return FETCHED
    if _KEY_ID.fullmatch(kid):
        return kid
    return "sha256-" + hashlib.sha256(kid.encode()).hexdigest()[:_DIGEST_CHARACTERS]
