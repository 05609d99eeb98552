"""`Profile`: a provider's declaration, compiled once, as the edge uses it.

Everything that can be decided without a delivery is decided in `compiling`: templates are taken
apart, places parsed, statuses chosen. What is left for a request is arithmetic.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ingress.contract.envelope import Assurance, Coverage, Mode
from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import signature
from ingress.providers.declaration import Declaration
from ingress.providers.identity import Identifier, Identity, Reading
from ingress.schemes.handshake import Handshake
from ingress.schemes.parts.headers import Headers
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.parsers import Parser, single
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.statement import Claim
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.parts.view import View
from ingress.schemes.token import redacted
from ingress.schemes.verifier import Alternatives

# Whatever a sender lists as covered by its signature: these open other doors.
_NEVER_KEPT = frozenset({b"authorization", b"proxy-authorization", b"cookie"})


class Covered(NamedTuple):
    """Where a signature names the headers it covers: in a field of its own header's text."""

    header: bytes
    parser: Parser
    field: bytes

    def names(self, value: bytes) -> tuple[bytes, ...]:
        """Return the names; none where the text cannot be read."""
        try:
            text = single(self.parser.parse(value).fields, self.field)
        except Rejected:
            return ()
        return tuple((text or b"").split(b" "))


@dataclass(frozen=True, slots=True)
class Profile:
    """How one provider signs, what its bodies say, and what it wants to hear.

    `signed_headers` are the request headers needed to verify a delivery again; never one that *is*
    the secret. `expected` are verified texts that must be the configured ones. `lacking` is
    what a source must still say before it may use the profile. `handshakes` are requests that carry
    no event. `signs_url` says that the registered URL is signed. `declaration` is what the file
    says, for whoever signs or explains.
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
    stale_status: int
    verifier: Verifier
    identifier: Identifier
    expected: tuple[tuple[Place, bytes], ...] = ()
    is_token_content: bool = False
    lacking: tuple[str, ...] = ()
    handshakes: tuple[Handshake, ...] = ()
    covered: tuple[Covered, ...] = ()
    is_json: bool = False
    is_rewritten: bool = False
    signs_url: bool = False
    is_signed: bool = field(init=False)
    """Whether deliveries carry any proof; if not, each is a hint and there is no key."""
    kept_names: frozenset[bytes] = field(init=False)
    kept_families: tuple[bytes, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_signed", self.assurance is not Assurance.E)
        families = tuple(name[:-1] for name in self.signed_headers if name.endswith(b"*"))
        object.__setattr__(self, "kept_families", families)
        names = frozenset(name for name in self.signed_headers if not name.endswith(b"*"))
        object.__setattr__(self, "kept_names", names - _NEVER_KEPT)

    @property
    def allowed_methods(self) -> tuple[str, ...]:
        """The methods of deliveries and handshakes."""
        return tuple(dict.fromkeys((*self.methods, *(one.method for one in self.handshakes))))

    def greets(self, method: str) -> bool:
        """Say whether there are handshakes of a method that nobody signs."""
        return any(one.method == method and not one.signed for one in self.handshakes)

    def key(self, secret: bytes, kid: str = "") -> Key:
        """Decode a secret or public key, once, when it is loaded. Raises `ValueError` with a hint.

        `kid` is the provider's own name of it, where its deliveries name their key.
        """
        return self.verifier.key(secret, kid)

    def precheck(self, headers: Headers) -> None:
        """Do the cheap checks that need no body: presence, number, syntax. Raises `Rejected`."""
        self.verifier.precheck(headers)

    def claimed_ms(self, delivery: Delivery) -> int | None:
        """Say when a delivery claims to have been signed, if it does. Raises `Rejected`."""
        return self.verifier.claimed_ms(delivery)

    def kid(self, delivery: Delivery) -> str | None:
        """Say which key a delivery names, if it names one that could be its provider's."""
        return self.verifier.kid(delivery)

    def verify(self, delivery: Delivery, keys: Sequence[Key]) -> int:
        """Return the index of the key that signed. Raises `Rejected`, and nothing else."""
        matched = self.verifier.verify(delivery, keys)
        if self.expected:
            self._expect(View.of(delivery))
        return matched

    def check_content(self, delivery: Delivery) -> None:
        """Refuse a *verified* body that was cut from, or glued to, another message. Raises."""
        if not self.is_json or delivery.method == "GET":
            return
        if not Reading.of(delivery, delivery.body).is_json:
            raise Rejected(Reason.BODY_MALFORMED)

    def handshake(self, delivery: Delivery, *, verified: bool) -> Handshake | None:
        """Return the handshake that a request is, if it is one. Raises nothing.

        One that is signed is recognised only in what `verified`; one that is not, in anything.
        """
        if not self.handshakes:
            return None
        asked = [one for one in self.handshakes if verified or not one.signed]
        view = View.of(delivery)
        return next((one for one in asked if one.matches(view)), None)

    def content(self, delivery: Delivery) -> bytes:
        """Return what is kept of a *verified* delivery: its content, less a token in the query."""
        content = delivery.content
        if delivery.method == "GET":
            for said in self.declaration.signature:
                if isinstance(said, signature.Token) and said.place.kind is Kind.QUERY:
                    content = redacted(content, said.place.name)
        return content

    def kept(self, delivery: Delivery) -> Headers:
        """Return the headers of a *verified* delivery that are needed to verify it again.

        A family (``x-signature-*``) is kept whole, and so is every header that the signature says
        it covers; but nothing that would open another door.
        """
        names, families = self.kept_names, self.kept_families
        if self.covered:
            values = ((one, value) for one in self.covered for value in delivery.values(one.header))
            listed = names.union(*(covered.names(value) for covered, value in values))
            names = listed - _NEVER_KEPT
        if not families:
            return tuple([header for header in delivery.headers if header[0] in names])
        return tuple(
            (name, value)
            for name, value in delivery.headers
            if name in names or name.startswith(families)
        )

    def identify(self, delivery: Delivery) -> Identity:
        """Say what a *verified* delivery is about. Raises nothing."""
        content = self.verifier.payload(delivery) if self.is_token_content else None
        try:
            signed_ms = self.verifier.claimed_ms(delivery) if self.identifier.repeats else None
        except Rejected:
            signed_ms = None
        if delivery.method == "GET":
            # A digest of the query may identify the event; none is made of a token in it.
            delivery = replace(delivery, query=self.content(delivery))
        message = (lambda: self._message(delivery)) if self.is_rewritten else None
        return self.identifier.identify(delivery, content, signed_ms, message)

    def mode(self, delivery: Delivery) -> Mode:
        """Say whether a *verified* delivery is about real money, as far as it says so itself."""
        if not self.identifier.modes:
            return Mode.UNKNOWN
        content = self.verifier.payload(delivery) if self.is_token_content else None
        return self.identifier.mode(delivery, content)

    def _message(self, delivery: Delivery) -> bytes:
        """Return what was signed, where that is another form of the body than the bytes sent."""
        try:
            stated = self.verifier.read(View.of(delivery))
        except Rejected:
            return delivery.content
        claims: list[Claim] = stated[1] if isinstance(self.verifier, Alternatives) else stated
        return b"".join([piece for claim in claims for piece in claim.messages[0]])

    def _expect(self, view: View) -> None:
        for place, text in self.expected:
            if not hmac.compare_digest(view.text(place), text):
                raise Rejected(Reason.CLAIM_MISMATCH)
