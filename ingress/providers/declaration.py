"""What a profile's file may say, and what it may not: the schema behind `docs/providers-format.md`.

A table of TOML flows in, already with its parameters filled in; a checked `Declaration` flows out.
The rules that need more than one field are here too, because each of them is a promise: a timestamp
that is not signed is not judged, an event is never identified by bytes that nobody signed, and a
profile never claims more than its signature proves.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ingress.contract.envelope import Assurance, Coverage
from ingress.providers.addresses import Addresses
from ingress.providers.handshakes import Handshake
from ingress.providers.keysource import KeySource
from ingress.providers.signature import (
    Asym,
    Header,
    Jws,
    Mac,
    Signature,
    Table,
    Token,
    Unsigned,
)
from ingress.schemes.mac import Construction
from ingress.schemes.parts import places
from ingress.schemes.parts.fresh import Unit
from ingress.schemes.parts.places import Kind
from ingress.schemes.parts.scope import Covers

_DAY_S = 86_400
UNSIGNED_HEADER = "unsigned:"
EACH = "*"


def _place(text: str) -> str:
    places.parse(text.removeprefix(UNSIGNED_HEADER) if _is_unsigned(text) else text)
    return text


def _is_unsigned(text: str) -> bool:
    return text.startswith(UNSIGNED_HEADER + "header:")


def _listed(entry: object) -> object:
    """Let one place stand for a list of one."""
    return [entry] if isinstance(entry, str) else entry


def _tabled(entry: object) -> object:
    """Let one table stand for a list of one."""
    return [entry] if isinstance(entry, dict) else entry


Place = Annotated[str, AfterValidator(_place)]
Alternative = Annotated[tuple[Place, ...], BeforeValidator(_listed), Field(min_length=1)]
Alternatives = tuple[Alternative, ...]
Status = Annotated[int, Field(strict=True, ge=400, le=599)]
Pattern = Annotated[str, Field(pattern=r"^[ -~]{1,256}$")]


class Freshness(Table):
    """Where the signed timestamp is, and how far from the receipt it may be.

    It is in a `header`, a `field` of the signature's text, or anywhere else, `at` a place; in none
    of them, there is no timestamp, as a parameter may say. Without `window_s` it is read and not
    judged: its provider documents no tolerance.
    """

    header: Header | None = None
    at: Place | None = None
    field: Annotated[str, Field(pattern=r"^[ -~]{1,32}$")] | None = None
    unit: Unit = Unit.SECONDS
    window_s: Annotated[int, Field(strict=True, ge=0, le=_DAY_S)] = 0

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if len([place for place in (self.header, self.at, self.field) if place]) > 1:
            raise ValueError("a timestamp has one place: give only one of header, at and field")
        return self

    @property
    def place(self) -> places.Place | None:
        """Where it stands, if that is not a field of the signature's text."""
        if self.header:
            return places.parse(f"header:{self.header}")
        return places.parse(self.at) if self.at else None


class Occurred(Table):
    """Where the provider says when the event occurred, and how it writes it."""

    at: Place | None = None
    form: Unit = Unit.ISO


class Identity(Table):
    """Where a verified delivery says what it is about; the first usable alternative counts.

    `document` is where its JSON stands, if that is not the body: ``form:payload``, a JSON text in
    the body's ``/Message``, or the claims of its token (``jws``).
    """

    document: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    event_key: Alternatives = ()
    event_type: Alternatives = ()
    payment_ref: Alternatives = ()
    occurred: Occurred = Occurred()
    repeats: bool = False
    """Whether the same bytes, sent again later, tell of another event: they name what to look at,
    and not what happened. What has no id is then identified by its bytes with the moment it was
    signed, or received where no moment is signed; a retry may count as new, and nothing is lost."""
    keyed_by_type: bool = False
    """Whether events of two types can have the same bytes: what has no id is then identified by its
    bytes with its type. If the type is not signed, a replay under another type is another event."""

    @property
    def key_places(self) -> tuple[str, ...]:
        """Every place that takes part in the event key or the payment reference."""
        both = (*self.event_key, *self.payment_ref)
        return tuple(place for places_ in both for place in places_)

    @property
    def type_places(self) -> tuple[str, ...]:
        """Every place that takes part in the event type."""
        return tuple(place for places_ in self.event_type for place in places_)


class Answers(Table):
    """What the provider wants to hear."""

    success_status: Annotated[int, Field(strict=True, ge=200, le=299)] = 200
    success_body: str = ""
    refusal_status: Status = 401
    stale_status: Status | None = None
    """For a stale timestamp, where the provider then signs anew (Bridge); else `refusal_status`."""
    retry_horizon_s: Annotated[int, Field(strict=True, ge=1)] | None = None
    """How long the provider keeps trying; absent where nobody knows."""
    probes: bool = False
    """Whether the provider sends wrong signatures on purpose, to hear exactly `refusal_status`: no
    other status is then put in its place, whatever is wrong on our side."""


class Evidence(Table):
    """Who says so, and when it was read there."""

    what: Annotated[str, Field(min_length=1)]
    read: date


class Expectation(Table):
    """A verified text that must be the configured one: whose account, topic or shop it is.

    Where nothing is configured, a parameter left empty, nothing is expected.
    """

    at: Place
    equals: str = ""


class ModeSign(Table):
    """A place that tells whether money is real; ``*`` in a text is any run of characters."""

    at: Place
    live: Annotated[tuple[Pattern, ...], BeforeValidator(_listed)] = ()
    test: Annotated[tuple[Pattern, ...], BeforeValidator(_listed)] = ()

    @model_validator(mode="after")
    def _tells_something(self) -> Self:
        if not self.live and not self.test:
            raise ValueError("it tells nothing: say which texts mean live, and which mean test")
        if both := set(self.live) & set(self.test):
            raise ValueError(f"{min(both)!r} cannot mean both live and test")
        return self


class Declaration(Table):
    """One provider's profile, as its file says it."""

    title: Annotated[str, Field(min_length=1)]
    type_prefix: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:\.[a-z0-9]+)+$", max_length=64)]
    confidence: Literal["A", "B", "C", "D"]
    coverage: Coverage
    assurance: Assurance | None = None
    methods: Annotated[tuple[Literal["POST", "GET"], ...], Field(min_length=1)] = ("POST",)
    content_encodings: tuple[Literal["gzip"], ...] = ()
    """Encodings undone before the signature is judged, where the provider signs the plain bytes."""
    body_bytes_max: Annotated[int, Field(strict=True, ge=1, le=1024 * 1024)] | None = None
    """The largest body that the provider sends, where that is more than `limits` allows."""
    signature: Annotated[tuple[Signature, ...], BeforeValidator(_tabled), Field(min_length=1)]
    freshness: Freshness | None = None
    expect: Annotated[tuple[Expectation, ...], BeforeValidator(_tabled)] = ()
    mode: Annotated[tuple[ModeSign, ...], BeforeValidator(_tabled)] = ()
    """What tells a live event from one of a test environment, where the provider says it."""
    key_source: KeySource | None = None
    addresses: Addresses | None = None
    identity: Identity
    answers: Answers = Answers()
    handshake: tuple[Handshake, ...] = ()
    content: Literal["json", ""] = ""
    """What a body must be, where the message that is signed has no end of its parts: a body cut
    from another's message, or prolonged behind its hash, is no JSON."""
    note: str = ""
    """What a merchant should know before relying on it, in a sentence or two."""
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]

    @property
    def timed(self) -> Freshness | None:
        """The freshness rule, if the profile has a timestamp."""
        rule = self.freshness
        return rule if rule is not None and (rule.place or rule.field) else None

    @property
    def covers(self) -> Covers:
        """What of the content is under the signature, by the weakest alternative."""
        return min(signature.covers for signature in self.signature)

    @property
    def is_judged(self) -> bool:
        """Say whether age is judged."""
        if any(isinstance(one, Jws) and one.iat_window_s for one in self.signature):
            return True
        return self.timed is not None and self.timed.window_s > 0

    @property
    def proven(self) -> Assurance:
        """What the signature proves, whatever the file claims."""
        if any(isinstance(one, Unsigned) for one in self.signature):
            return Assurance.E
        if self.covers is Covers.CANONICAL:
            return Assurance.C
        if self.covers is Covers.BODY:
            return Assurance.A if self.is_judged else Assurance.B
        return Assurance.D

    @property
    def _tells_deliveries_apart(self) -> bool:
        """Say whether every HMAC is judged only over texts of a certain form."""
        return all(
            any(condition.matches is not None and not condition.absent for condition in one.when)
            for one in self.signature
            if isinstance(one, Mac)
        )

    @model_validator(mode="after")
    def _timestamp_is_signed(self) -> Self:
        stamps = [one.signs_timestamp for one in self.signature]
        if any(stamps) and self.timed is None:
            raise ValueError("signature.message has {timestamp}, and freshness does not say where")
        if self.timed is None:
            return self
        place = self.timed.place
        in_content = place is not None and place.kind is not Kind.HEADER
        for one, signed in zip(self.signature, stamps, strict=True):
            if not signed and not (in_content and one.signs(str(place))):
                raise ValueError(
                    "signature.message does not sign the timestamp that freshness judges, so "
                    "anybody could change it: add {timestamp} to the message, or name no place"
                )
            if self.timed.field and not one.has_fields:
                raise ValueError('freshness.field needs signature.parser.form = "kv"')
        return self

    @model_validator(mode="after")
    def _handshakes_can_be_answered(self) -> Self:
        first = self.signature[0]
        is_hmac = isinstance(first, Mac) and first.construction is Construction.HMAC
        for one in self.handshake:
            if one.signed and one.method not in self.methods:
                raise ValueError(
                    f"handshake: a signed {one.method} is never verified, because methods has none"
                )
            if one.is_signing and not is_hmac:
                raise ValueError("handshake: {hmac:...} needs a first signature that is an HMAC")
            if one.is_signing and not one.signed and not self._tells_deliveries_apart:
                raise ValueError(
                    "handshake: {hmac:...} signs for whoever asks, and what was signed could then "
                    "be sent as a delivery: give every signature a when with matches, which "
                    "nothing that the handshake accepts fits"
                )
        return self

    @model_validator(mode="after")
    def _claims_no_more_than_it_proves(self) -> Self:
        if self.coverage is Coverage.FULL and self.covers < Covers.CANONICAL:
            raise ValueError("coverage is not full: signature.message does not contain {body}")
        if self.assurance is not None and self.assurance < self.proven:
            raise ValueError(
                f"assurance {self.assurance} claims more than the signature proves: {self.proven}"
            )
        return self

    @model_validator(mode="after")
    def _identity_is_signed(self) -> Self:
        if all(isinstance(one, Token | Unsigned) for one in self.signature):
            return self  # nothing is signed: the body is no better than a header
        used = self.identity.key_places
        if any(_is_unsigned(place) for place in used):
            raise ValueError("identity: an unsigned header may tell the type and nothing else")
        for place in (*used, *self.identity.type_places):
            header = place.removeprefix("header:") if place.startswith("header:") else ""
            if header and not all(header.encode() in one.header_names for one in self.signature):
                raise ValueError(
                    f"identity uses the header {header}, which signature.message does not sign; "
                    "a replay could change it"
                )
        return self

    @model_validator(mode="after")
    def _mode_is_signed(self) -> Self:
        if all(isinstance(one, Token | Unsigned) for one in self.signature):
            return self
        for sign in self.mode:
            if _is_unsigned(sign.at):
                raise ValueError("mode: what nobody signed tells nothing")
            place = places.parse(sign.at)
            if place.kind is Kind.HEADER and not all(
                place.header in one.header_names or _names_key(one, place) for one in self.signature
            ):
                raise ValueError(
                    f"mode uses the header {place.name}, which signature.message does not sign"
                )
        return self


def _names_key(signature: Signature, place: places.Place) -> bool:
    """Say whether the key that proves a delivery is named there, so that the proof holds it."""
    named = signature.key_id if isinstance(signature, Asym) else None
    return named is not None and places.parse(named) == place
