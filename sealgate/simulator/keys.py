"""What a sender signs with, and new keys in the form that a provider's dashboard would show.

A shared secret is one text for both sides. Of a key pair the sender holds the private half and the
gateway is given the public one; both are made and read in `pairs`.
"""

import base64
from dataclasses import dataclass, field

from ingress.providers import Profile
from ingress.providers import signature as signs
from ingress.schemes.parts.keys import KeyForm
from sealgate.simulator import pairs
from sealgate.simulator.pairs import PrivateKey

SECRET_BYTES = 32
# How a token's algorithm names the kind of its key; HS256 takes a shared secret.
_KINDS = {"RS256": "rsa", "RS512": "rsa", "ES256": "p256", "EdDSA": "ed25519"}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What a sender signs with: the bytes of a shared secret, or a private key.

    `kid` is the provider's name of it, which goes along where deliveries name their key.
    """

    material: bytes | PrivateKey = field(repr=False)
    kid: str = ""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as two texts: the sender's, and the gateway's. A shared secret is the same twice."""

    sender: str = field(repr=False)
    gateway: str = field(repr=False)

    @property
    def is_pair(self) -> bool:
        """Say whether the gateway's text is another one, which need not be kept secret."""
        return self.sender != self.gateway


def pair_kind(profile: Profile) -> str:
    """Return the kind of key pair that a profile needs, "" where none: a shared secret, or no key.

    The first of several signatures is the one that is made here.
    """
    said = profile.declaration.signature[0]
    if isinstance(said, signs.Asym):
        return said.type
    return _KINDS.get(said.algorithm, "") if isinstance(said, signs.Jws) else ""


def read(profile: Profile, text: bytes, kid: str = "") -> SigningKey:
    """Read the sender's key. Raises `ValueError` with a hint, never the text."""
    kind = pair_kind(profile)
    if not kind:
        return SigningKey(_shared(profile, text), kid)
    return SigningKey(pairs.read(kind, text), kid)


def new_secret(profile: Profile, random: bytes) -> str:
    """Write `random` (32 bytes of it) as a shared secret that the profile can read."""
    said = profile.declaration.signature[0]
    form = said.key if isinstance(said, signs.Mac) else KeyForm.UTF8
    if form in {KeyForm.BASE64, KeyForm.WHSEC}:
        prefix = "whsec_" if form is KeyForm.WHSEC else ""
        return prefix + base64.b64encode(random).decode()
    return random.hex()


def new_key(profile: Profile, random: bytes) -> NewKey:
    """Make a key: of `random` if it is shared, else a pair. Raises `ValueError`: none is needed."""
    if not profile.is_signed:
        raise ValueError(f"{profile.title} signs nothing, so there is no key")
    kind = pair_kind(profile)
    if not kind:
        secret = new_secret(profile, random)
        return NewKey(secret, secret)
    return NewKey(*pairs.make(kind))


def _shared(profile: Profile, text: bytes) -> bytes:
    material = profile.key(text).material
    assert isinstance(material, bytes)
    return material
