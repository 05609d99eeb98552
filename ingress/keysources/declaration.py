"""What a profile says about keys that are fetched: from where, how asked for, how read. Pure.

A declaration is checked when it is made, so that a mistake is told at the start and not when the
first delivery wants a key. From it and the name of a key flows the one `Request` that may be sent
for it; a name that does not look like one flows nowhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ingress.keyring import Secret
from ingress.keysources.address import Address, Places
from ingress.schemes.parts import pointer

if TYPE_CHECKING:
    # Cryptography costs start time, and most sources need none of it.
    from ingress.schemes.parts.public_keys import KeyType

DAY_S = 86_400.0
NAME_CHARACTERS_MAX = 256
WHOLE_SET = ""
"""The name under which a whole set of keys is asked for."""

# Whatever a profile's own expression lets pass: an id that goes into a URL is one segment of it.
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PLACEHOLDER = re.compile(r"\{(kid|credential)\}")


class Kind(StrEnum):
    """The three ways in which providers publish keys."""

    JWKS = "jwks"
    """A whole set, at one URL."""
    BY_ID = "by_id"
    """One key by its id, with the operator's credential."""
    CERTIFICATE = "certificate"
    """An X.509 certificate, at the URL that the delivery names."""


class CredentialPlace(StrEnum):
    """Where the operator's credential stands in a request."""

    NONE = "none"
    BEARER = "bearer"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a provider. Headers and body may hold a credential, so none shows itself."""

    address: Address
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    """Sent by POST where there is one; otherwise it is a GET."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """Where the keys of one provider come from. Raises `ValueError` if it says too little."""

    kind: Kind
    key_type: "KeyType"
    hosts: str
    """The host names that may be asked, as one expression over the whole name."""

    url: str = ""
    """``https://…``, in which ``{kid}`` stands for the key's id; none for a certificate."""

    paths: str = r"/.+"
    """The paths that may be asked, as one expression over the whole path."""

    kid: str = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    """What an id looks like, as one expression over the whole id; judged before anything is sent.
    A certificate's name is its URL, and a set is fetched whole: neither needs it."""

    body: str = ""
    """JSON to POST, in which ``{kid}`` and ``{credential}`` stand inside strings."""

    credential: CredentialPlace = CredentialPlace.NONE
    key: str = ""
    """The pointer to the key in a JSON answer: a JWK, or what its provider shows of a key."""

    subjects: tuple[str, ...] = ()
    """The names a certificate may be for: any one of them; ``{host}`` is the URL's own host."""

    is_chained: bool = True
    """Whether a root must vouch for the certificate. Amazon serves its own without the one above
    it, which is not always at hand; without a chain only the TLS connection it came over vouches
    for it, so that `hosts` and `paths` must hold no place on which a stranger can put a file."""

    refresh_s: float = 3600.0
    """How old a key may be before it is fetched again: providers give an hour or more of notice."""

    apart_s: float = 30.0
    """The least time between two fetches of a set, and before what failed is tried again."""

    stale_s: float = 7 * DAY_S
    """How long a key is believed that can no longer be refreshed. For ever would be too long: who
    holds a stolen key could keep it alive by keeping us from learning that it was withdrawn. Seven
    days are longer than any provider's outage and most providers' retries, and every one of the
    hundreds of failures in between is a log line and a count."""

    def __post_init__(self) -> None:
        for text in (self.hosts, self.paths, self.kid):
            _compiled(text)
        if self.key:
            pointer.parse(self.key)
        if self.kind is Kind.CERTIFICATE:
            if self.url or (self.is_chained and not self.subjects):
                raise ValueError("a certificate needs subjects, and no url: the delivery names it")
            return
        # A zero stands for any id: what else is wrong with the URL must be told now.
        self.places.admit(self.url.replace("{kid}", "0"))
        if self.body:
            _check_json(_filled(self.body, {"kid": "0", "credential": "0"}))
        if self.kind is Kind.BY_ID:
            self._check_by_id()

    def _check_by_id(self) -> None:
        if "{kid}" not in self.url + self.body:
            raise ValueError("a key fetched by its id needs {kid} in its url or its body")
        if not self.key:
            raise ValueError("a key fetched by its id needs the pointer to it in the answer")
        if ("{credential}" in self.body) is not (self.credential is CredentialPlace.BODY):
            raise ValueError("the body holds {credential} if its place is the body, and only then")

    @property
    def places(self) -> Places:
        """The closed list of what may be asked."""
        return Places(_compiled(self.hosts), _compiled(self.paths))

    def admits(self, name: str) -> bool:
        """Say whether `name` looks like a key of this source; only then may it be wished for."""
        if self.kind is Kind.CERTIFICATE:
            try:
                self.places.admit(name)
            except ValueError:
                return False
            return True
        if self.kind is Kind.BY_ID:
            return bool(_ID.fullmatch(name) and _compiled(self.kid).fullmatch(name))
        return 0 < len(name) <= NAME_CHARACTERS_MAX

    def request(self, name: str, credential: Secret | None) -> Request:
        """Make the request for the key `name`, or for the whole set. `name` is admitted already."""
        if self.kind is Kind.CERTIFICATE:
            return Request(self.places.admit(name))
        address = self.places.admit(self.url.replace("{kid}", name))
        headers: dict[str, str] = {}
        if self.credential is CredentialPlace.BEARER:
            headers["Authorization"] = f"Bearer {_text(credential)}"
        if not self.body:
            return Request(address, headers)
        values = {"kid": name}
        if self.credential is CredentialPlace.BODY:
            values["credential"] = _text(credential)
        headers["Content-Type"] = "application/json"
        return Request(address, headers, _filled(self.body, values).encode())


def check_credential(declaration: Declaration, credential: Secret | None) -> None:
    """Tell at the start, without showing it, that a credential is missing or cannot be sent."""
    if declaration.credential is not CredentialPlace.NONE:
        _text(credential)


def _text(credential: Secret | None) -> str:
    if credential is None:
        raise ValueError("the provider gives keys only to those it knows: configure a credential")
    raw = credential.reveal()
    # A line end would begin a header of its own.
    if not raw.isascii() or not raw.decode("ascii").isprintable():
        raise ValueError("the credential must be one line of printable ASCII")
    return raw.decode("ascii")


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Put values into the strings of a JSON text, each written as JSON writes it."""
    return _PLACEHOLDER.sub(lambda found: json.dumps(values[found[1]])[1:-1], template)


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as wrong:
        raise ValueError(f"the body is not JSON: {wrong}") from None


def _compiled(text: str) -> re.Pattern[str]:
    # `re` keeps what it compiled, so this costs a look into a dictionary.
    try:
        return re.compile(text)
    except re.error:
        raise ValueError(f"{text!r} is no regular expression") from None
