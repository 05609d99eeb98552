"""What a profile says about its signature: which primitive, and its particulars.

Five kinds, five tables, told apart by `kind`. Each table also answers what the rules of the
declaration ask: how much of the content it covers, and which headers it signs.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ingress.schemes.mac import HMAC_HASHES, Construction, Hash
from ingress.schemes.parts import places, pointer
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.keys import KeyForm
from ingress.schemes.parts.message import Message, compile_message
from ingress.schemes.parts.places import Kind
from ingress.schemes.parts.scope import Covers
from ingress.schemes.parts.simple import URL_PARTS, Value


class Table(BaseModel):
    """A table of the file: an unknown name is a mistake."""

    # Deferred: a table is compiled when it is first read, and not at every start.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def _place(text: str) -> str:
    places.parse(text)
    return text


def _pointer(text: str) -> str:
    pointer.parse(text)
    return text


def _template(text: str) -> str:
    compile_message(text)
    return text


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as wrong:
        raise ValueError(f"no regular expression: {wrong}") from None
    return text


def _listed(entry: object) -> object:
    return [entry] if isinstance(entry, str) else entry


Place = Annotated[str, AfterValidator(_place)]
Pointer = Annotated[str, AfterValidator(_pointer)]
Template = Annotated[str, AfterValidator(_template)]
Regex = Annotated[str, AfterValidator(_regex)]
Header = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}\*?$"), AfterValidator(str.lower)
]
Printable = Annotated[str, Field(pattern=r"^[ -~]{1,32}$")]


ClaimValue = str | bool | list[str]


class Plain(Table):
    """The text is one signature, behind a prefix if there is one."""

    form: Literal["plain"] = "plain"
    prefix: Annotated[str, Field(pattern=r"^[ -~]{0,32}$")] = ""


class KeyValue(Table):
    """The text is a list of ``name=value``; the signatures are the values named `key`."""

    form: Literal["kv"]
    separator: Printable
    key: Printable
    assign: Printable = "="


class Versioned(Table):
    """The text is a list of ``version,signature``; only our version counts."""

    form: Literal["list"]
    separator: Printable
    version: Printable


Parser = Annotated[Plain | KeyValue | Versioned, Field(discriminator="form")]


class Condition(Table):
    """What the delivery must show for this signature to be the one it carries."""

    at: Place
    equals: str | None = None
    matches: Regex | None = None
    """An expression over the whole text."""
    absent: bool = False
    """Alone: there is no such text. Beside `equals` or `matches`: there is none, or it fits."""


class _Proof(Table):
    """What the rules of a declaration ask of every primitive; by default it proves nothing."""

    @property
    def covers(self) -> Covers:
        """What of the content is under the signature."""
        return Covers.NOTHING

    @property
    def signs_timestamp(self) -> bool:
        """Say whether the timestamp is a part of the message."""
        return False

    @property
    def header_names(self) -> frozenset[bytes]:
        """The headers that are signed."""
        return frozenset()

    @property
    def has_fields(self) -> bool:
        """Say whether the signature's text has other fields beside it."""
        return False

    @property
    def signs_url(self) -> bool:
        """Say whether the registered URL is signed."""
        return False

    def signs(self, place: str) -> bool:
        """Say whether the text at a place of the content is signed."""
        return self.covers >= Covers.CANONICAL


class _Placed(_Proof):
    """Whatever stands in one place: a header, or anywhere else."""

    header: Header | None = None
    at: Place | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.header is None) == (self.at is None):
            raise ValueError("say where it stands: either header or at")
        return self

    @property
    def place(self) -> places.Place:
        """Where it stands."""
        return places.parse(self.at or f"header:{self.header}")


class _Located(_Placed):
    """What `mac` and `asym` share: where the signature is, how it is written, and over what."""

    parser: Parser = Plain()
    encoding: Encoding
    message: Annotated[tuple[Template, ...], BeforeValidator(_listed), Field(min_length=1)]
    when: tuple[Condition, ...] = ()
    each: Pointer | None = None
    repeated: bool = False

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages, any of which may be signed."""
        return tuple(compile_message(template) for template in self.message)

    @property
    def covers(self) -> Covers:
        """What every one of the messages covers."""
        return min(message.covers for message in self.messages)

    @property
    def signs_timestamp(self) -> bool:
        """Say whether every message has the timestamp in it."""
        return all(message.is_timed for message in self.messages)

    @property
    def header_names(self) -> frozenset[bytes]:
        """The headers that every message signs."""
        return frozenset.intersection(*(frozenset(one.header_names) for one in self.messages))

    @property
    def has_fields(self) -> bool:
        """Say whether the signature's text has other fields beside it."""
        return isinstance(self.parser, KeyValue)

    @property
    def signs_url(self) -> bool:
        """Say whether any message has the registered URL in it."""
        return any(message.has(kind) for message in self.messages for kind in URL_PARTS)

    def signs(self, place: str) -> bool:
        """Say whether the text at a place of the content is signed."""
        if super().signs(place):
            return True
        value = places.parse(place)
        return all(
            any(isinstance(part, Value) and part.place == value for part in message.parts)
            for message in self.messages
        )


class Mac(_Located):
    """A keyed hash: HMAC, or a plain hash over a message with the secret in it."""

    kind: Literal["mac"]
    hash: Hash
    construction: Construction = Construction.HMAC
    key: KeyForm = KeyForm.UTF8
    body_digest: Place | None = None
    """Where the body's SHA-256 stands in hex, where that is signed and the body itself is not."""

    @property
    def covers(self) -> Covers:
        """What every one of the messages covers; all of it, where its digest is signed."""
        return super().covers if self.body_digest is None else Covers.BODY

    @model_validator(mode="after")
    def _digest_is_signed(self) -> Self:
        if self.body_digest is None:
            return self
        place = places.parse(self.body_digest)
        in_url = place.kind is Kind.QUERY and all(
            any(map(one.has, URL_PARTS)) for one in self.messages
        )
        if not in_url and place.header not in self.header_names:
            raise ValueError(
                f"body_digest: {self.body_digest} is not signed, so anybody could change it with "
                "the body: add {url} or the header to the message"
            )
        return self

    @model_validator(mode="after")
    def _secret_is_used_once(self) -> Self:
        hmac = self.construction is Construction.HMAC
        if hmac and self.hash not in HMAC_HASHES:
            raise ValueError(f'hash {self.hash} has no HMAC here; is construction = "plain" meant?')
        if any(message.has_secret == hmac for message in self.messages):
            raise ValueError(
                "an HMAC has its key apart, and no {secret} in the message"
                if hmac
                else "a plain hash needs {secret} in the message, or anybody could make it"
            )
        return self


class Asym(_Located):
    """A public-key signature."""

    kind: Literal["asym"]
    type: Literal["rsa", "p256", "secp256k1", "ed25519"]
    hash: Literal["sha1", "sha256", "sha512", ""] = ""
    prehash: Literal["sha256", "sha512", ""] = ""
    key_id: Place | None = None
    """Where the delivery names the key, if its provider has several."""
    key_id_pattern: Regex = r"[!-~]{1,256}"

    @model_validator(mode="after")
    def _hash_fits(self) -> Self:
        if (self.type == "ed25519") == bool(self.hash):
            raise ValueError("ed25519 has its own hash; every other type needs one")
        if any(message.has_secret for message in self.messages):
            raise ValueError("a public-key signature has no {secret} in its message")
        return self


class Jws(_Placed):
    """A JSON Web Signature: compact, or detached from the body."""

    kind: Literal["jws"]
    algorithm: Literal["RS256", "RS512", "ES256", "HS256", "EdDSA"]
    prefix: str = ""
    detached: bool = False
    body_hash_claim: str = ""
    iat_window_s: Annotated[int, Field(strict=True, ge=0, le=86_400)] = 0
    requires_expiry: bool = False
    claims: dict[str, ClaimValue] = {}
    """Claims that must be as given; "" leaves a claim unchecked."""
    is_bearer: bool = False
    """The token would open other doors too, so it is never stored."""

    @property
    def covers(self) -> Covers:
        """What of the body the token speaks for."""
        in_body = self.place.kind is not Kind.HEADER
        return Covers.BODY if self.detached or self.body_hash_claim or in_body else Covers.NOTHING


class Token(_Placed):
    """A secret sent as it is."""

    kind: Literal["token"]
    prefix: str = ""


class Unsigned(_Proof):
    """No signature: every delivery is a hint."""

    kind: Literal["none"]


Signature = Annotated[Mac | Asym | Jws | Token | Unsigned, Field(discriminator="kind")]
