"""`Profile`: a provider's declaration, compiled once, as the edge uses it.

Everything that can be decided without a delivery is decided here: templates are taken apart, places
parsed, statuses chosen. What is left for a request is arithmetic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ingress.contract.envelope import Assurance, Coverage
from ingress.delivery import Delivery
from ingress.providers import declaration as says
from ingress.providers import pointer
from ingress.providers.declaration import Declaration
from ingress.providers.identity import Alternative, Identifier, Identity, Moment, Place
from ingress.schemes.mac import Mac
from ingress.schemes.parts import parsers
from ingress.schemes.parts.fresh import Freshness
from ingress.schemes.parts.headers import Headers
from ingress.schemes.parts.message import compile_message


@dataclass(frozen=True, slots=True)
class Profile:
    """How one provider signs, what its bodies say, and what it wants to hear.

    `signed_headers` are the request headers needed to verify a delivery again; never one that *is*
    the secret. `declaration` is what the file says, for whoever signs or explains.
    """

    name: str
    declaration: Declaration
    scheme: str
    coverage: Coverage
    assurance: Assurance
    signed_headers: tuple[bytes, ...]
    title: str
    type_prefix: str
    methods: tuple[str, ...]
    success_status: int
    success_body: bytes
    refusal_status: int
    verifier: Mac
    identifier: Identifier

    def key_material(self, secret: bytes) -> bytes:
        """Decode a secret, once, when it is loaded. Raises `ValueError` with a hint."""
        return self.verifier.key_material(secret)

    def precheck(self, headers: Headers) -> None:
        """Do the cheap checks that need no body: presence, number, syntax. Raises `Rejected`."""
        self.verifier.read(headers)

    def claimed_ms(self, headers: Headers) -> int | None:
        """Say when a delivery claims to have been signed, if it does. Raises `Rejected`."""
        return self.verifier.claimed_ms(headers)

    def verify(self, delivery: Delivery, keys: Sequence[bytes]) -> int:
        """Return the index of the key that signed. Raises `Rejected`, and nothing else."""
        return self.verifier.verify(delivery, keys)

    def identify(self, body: bytes, headers: Headers) -> Identity:
        """Say what a *verified* delivery is about. Raises nothing."""
        return self.identifier.identify(body, headers)


def compile_profile(name: str, declaration: Declaration) -> Profile:
    """Turn a checked declaration into what the edge uses."""
    verifier = _verifier(declaration)
    return Profile(
        name=name,
        declaration=declaration,
        scheme=verifier.scheme,
        coverage=declaration.coverage,
        assurance=declaration.assurance or declaration.proven,
        signed_headers=verifier.signed_headers,
        title=declaration.title,
        type_prefix=declaration.type_prefix,
        methods=declaration.methods,
        success_status=declaration.answers.success_status,
        success_body=declaration.answers.success_body.encode(),
        refusal_status=declaration.answers.refusal_status,
        verifier=verifier,
        identifier=_identifier(declaration),
    )


def _verifier(declaration: Declaration) -> Mac:
    signature, timed = declaration.signature, declaration.timed
    return Mac(
        hash=signature.hash,
        key=signature.key,
        header=signature.header.encode(),
        parser=_parser(signature.parser, timed),
        encoding=signature.encoding,
        message=compile_message(signature.message),
        timestamp_header=timed.header.encode() if timed and timed.header else None,
        freshness=Freshness(timed.unit, timed.window_s) if timed else None,
    )


def _parser(
    said: says.Plain | says.KeyValue | says.Versioned, timed: says.Freshness | None
) -> parsers.Parser:
    match said:
        case says.Plain():
            return parsers.Plain(said.prefix.encode())
        case says.KeyValue():
            stamp = timed.field.encode() if timed and timed.field else None
            return parsers.Fields(said.separator.encode(), said.key.encode(), stamp)
        case says.Versioned():
            return parsers.Versions(said.separator.encode(), said.version.encode())


def _identifier(declaration: Declaration) -> Identifier:
    said = declaration.identity
    occurred = said.occurred
    return Identifier(
        type_prefix=declaration.type_prefix,
        event_key=_alternatives(said.event_key),
        event_type=_alternatives(said.event_type),
        payment_ref=_alternatives(said.payment_ref),
        occurred=Moment(pointer.parse(occurred.at), occurred.form) if occurred.at else None,
    )


def _alternatives(said: says.Alternatives) -> tuple[Alternative, ...]:
    return tuple(tuple(_place(place) for place in places) for places in said)


def _place(text: str) -> Place:
    if text.startswith("header:"):
        return Place(header=text[len("header:") :].encode())
    return Place(tokens=pointer.parse(text))
