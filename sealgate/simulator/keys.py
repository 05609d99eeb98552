"""New secrets in the form that a provider's dashboard would show, for trying things out. Pure."""

import base64

from ingress.providers import Profile
from ingress.schemes.parts.keys import KeyForm

SECRET_BYTES = 32


def new_secret(profile: Profile, random: bytes) -> str:
    """Write `random` (32 bytes of it) as a secret that the profile can read."""
    form = profile.declaration.signature.key
    if form in {KeyForm.BASE64, KeyForm.WHSEC}:
        prefix = "whsec_" if form is KeyForm.WHSEC else ""
        return prefix + base64.b64encode(random).decode()
    return random.hex()
