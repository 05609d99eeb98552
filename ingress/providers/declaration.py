"""What a profile's file may say, and what it may not: the schema behind `docs/providers-format.md`.

A table of TOML flows in, already with its parameters filled in; a checked `Declaration` flows out.
The rules that need more than one field are here too, because each of them is a promise: a timestamp
that is not signed is not judged, and an event is never identified by bytes that nobody signed.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ingress.contract.envelope import Assurance, Coverage
from ingress.providers import pointer
from ingress.providers.identity import TimeForm
from ingress.schemes.mac import Hash
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.fresh import Unit
from ingress.schemes.parts.keys import KeyForm
from ingress.schemes.parts.message import Kind, compile_message

_DAY_S = 86_400


class Table(BaseModel):
    """A table of the file: an unknown name is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _pointer(text: str) -> str:
    pointer.parse(text)
    return text


def _place(text: str) -> str:
    if not text.startswith("header:"):
        pointer.parse(text)
    return text


def _listed(entry: object) -> object:
    """Let one place stand for a list of one."""
    return [entry] if isinstance(entry, str) else entry


def _template(text: str) -> str:
    compile_message(text)
    return text


Header = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$"), AfterValidator(str.lower)]
Pointer = Annotated[str, AfterValidator(_pointer)]
Place = Annotated[str, AfterValidator(_place)]
Template = Annotated[str, AfterValidator(_template)]
Alternative = Annotated[tuple[Place, ...], BeforeValidator(_listed), Field(min_length=1)]
Alternatives = tuple[Alternative, ...]
Printable = Annotated[str, Field(pattern=r"^[ -~]{1,32}$")]


class Plain(Table):
    """The header is one signature, behind a prefix if there is one."""

    form: Literal["plain"]
    prefix: Annotated[str, Field(pattern=r"^[ -~]{0,32}$")] = ""


class KeyValue(Table):
    """The header is a list of ``name=value``; the signatures are the values named `key`."""

    form: Literal["kv"]
    separator: Printable
    key: Printable


class Versioned(Table):
    """The header is a list of ``version,signature``; only our version counts."""

    form: Literal["list"]
    separator: Printable
    version: Printable


class Signature(Table):
    """Where the signature is, how it is written, and what it is made over."""

    kind: Literal["mac"]
    hash: Hash
    key: KeyForm
    header: Header
    parser: Annotated[Plain | KeyValue | Versioned, Field(discriminator="form")]
    encoding: Encoding
    message: Template


class Freshness(Table):
    """Where the signed timestamp is, and how far from the receipt it may be.

    With neither `header` nor `field` there is none: a parameter may say so.
    """

    header: Header | None = None
    field: Printable | None = None
    unit: Unit = Unit.SECONDS
    window_s: Annotated[int, Field(strict=True, ge=1, le=_DAY_S)]

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.header and self.field:
            raise ValueError("a timestamp has one place: give header or field, not both")
        return self


class Occurred(Table):
    """Where the provider says when the event occurred, and how it writes it."""

    at: Pointer | None = None
    form: TimeForm = TimeForm.ISO


class Identity(Table):
    """Where a verified delivery says what it is about; the first usable alternative counts."""

    event_key: Alternatives = ()
    event_type: Alternatives = ()
    payment_ref: Alternatives = ()
    occurred: Occurred = Occurred()


class Answers(Table):
    """What the provider wants to hear."""

    success_status: Annotated[int, Field(strict=True, ge=200, le=299)] = 200
    success_body: str = ""
    refusal_status: Annotated[int, Field(strict=True, ge=400, le=599)] = 401
    retry_horizon_s: Annotated[int, Field(strict=True, ge=1)] | None = None
    """How long the provider keeps trying; absent where nobody knows."""


class Evidence(Table):
    """Who says so, and when it was read there."""

    what: Annotated[str, Field(min_length=1)]
    read: date


class Declaration(Table):
    """One provider's profile, as its file says it."""

    title: Annotated[str, Field(min_length=1)]
    type_prefix: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:\.[a-z0-9]+)+$", max_length=64)]
    confidence: Literal["A", "B", "C", "D"]
    coverage: Coverage
    assurance: Assurance | None = None
    methods: Annotated[tuple[Literal["POST", "GET"], ...], Field(min_length=1)] = ("POST",)
    content_types: tuple[str, ...] = ("application/json",)
    signature: Signature
    freshness: Freshness | None = None
    identity: Identity
    answers: Answers = Answers()
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]

    @property
    def timed(self) -> Freshness | None:
        """The freshness rule, if the profile has a timestamp."""
        rule = self.freshness
        return rule if rule is not None and (rule.header or rule.field) else None

    @property
    def proven(self) -> Assurance:
        """What the signature proves, whatever the file claims."""
        message = compile_message(self.signature.message)
        if not message.has(Kind.BODY):
            return Assurance.D
        return Assurance.A if message.has(Kind.TIMESTAMP) else Assurance.B

    @model_validator(mode="after")
    def _timestamp_is_signed(self) -> Self:
        signs = compile_message(self.signature.message).has(Kind.TIMESTAMP)
        if signs and self.timed is None:
            raise ValueError("signature.message has {timestamp}, and freshness does not say where")
        if self.timed is not None and not signs:
            raise ValueError(
                "signature.message does not sign the timestamp that freshness judges, so anybody "
                "could change it: add {timestamp} to the message, or name no header for it"
            )
        if self.timed and self.timed.field and not isinstance(self.signature.parser, KeyValue):
            raise ValueError('freshness.field needs signature.parser.form = "kv"')
        return self

    @model_validator(mode="after")
    def _claims_no_more_than_it_proves(self) -> Self:
        covers = Coverage.PARTIAL if self.proven is Assurance.D else Coverage.FULL
        if self.coverage is Coverage.FULL and covers is not Coverage.FULL:
            raise ValueError("coverage is not full: signature.message does not contain {body}")
        if self.assurance is not None and self.assurance < self.proven:
            raise ValueError(
                f"assurance {self.assurance} claims more than the signature proves: {self.proven}"
            )
        return self

    @model_validator(mode="after")
    def _identity_is_signed(self) -> Self:
        signed = compile_message(self.signature.message).header_names
        for header in _headers(self.identity):
            if header.encode() not in signed:
                raise ValueError(
                    f"identity uses the header {header}, which signature.message does not sign; "
                    "a replay could change it"
                )
        return self


def _headers(identity: Identity) -> list[str]:
    alternatives = (*identity.event_key, *identity.event_type, *identity.payment_ref)
    return [
        place.removeprefix("header:")
        for places in alternatives
        for place in places
        if place.startswith("header:")
    ]
