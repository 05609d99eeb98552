"""What a signed delivery states: these signatures, over these messages, at this time.

A delivery flows in; claims flow out, well formed and unproven, with everything a primitive needs to
prove them but the key. Where the signature stands, how it is written, what it is made over and when
it was made come from the profile; the message chooses nothing. A primitive brings `matches`, and
`prove` asks it about every key, whatever the answers: the time taken tells neither which key
matched nor how far a guess got.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import lexemes, pointer
from ingress.schemes.parts.encoding import Encoding, decode
from ingress.schemes.parts.fresh import Freshness
from ingress.schemes.parts.headers import Headers, Index
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.message import Message, Pieces
from ingress.schemes.parts.parsers import CANDIDATES_MAX, Parsed, Parser, bounded, single
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.scope import Scope
from ingress.schemes.parts.view import View

ITEMS_MAX = 100


class Claim(NamedTuple):
    """Signatures and the messages any of which they may be over; unproven."""

    candidates: list[bytes]
    messages: list[Pieces]
    stamp: bytes


Matches = Callable[[Key, Pieces, Sequence[bytes]], bool]
"""Say whether one of the candidates is the key's signature over the message."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where the signed timestamp stands: at a `place`, or in a `field` of the signature's text."""

    freshness: Freshness
    place: Place | None = None
    field: bytes = b""

    @property
    def header(self) -> bytes:
        """The header that carries it, if one does."""
        return b"" if self.place is None else self.place.header


@dataclass(frozen=True, slots=True)
class Condition:
    """A text that tells which of a profile's signatures a delivery carries.

    `absent` alone: there is no such text; beside another demand: there is none, or it is met.
    """

    place: Place
    equals: bytes | None = None
    matches: re.Pattern[bytes] | None = None
    absent: bool = False

    def check(self, found: bytes | None) -> None:
        """Return if the text is as expected. Raises `Rejected`: it is another signature's."""
        if found is None:
            if self.absent:
                return
            raise Rejected(Reason.HEADER_MISSING)
        only_absent = self.absent and self.equals is None and self.matches is None
        fits = self.matches is None or self.matches.fullmatch(found) is not None
        if only_absent or not fits or self.equals not in {None, found}:
            raise Rejected(Reason.VERSION_UNSUPPORTED)


@dataclass(frozen=True, slots=True)
class Statement:
    """One provider's way of stating.

    `digest_bytes` is the length of a signature, None where it varies. `each` points to a list in
    the body of which every item carries its own signature. `repeated` lets the signature's header
    come several times, one signature each. `body_digest` is where the body's SHA-256 stands in hex,
    where a message signs that text in the body's stead.
    """

    at: Place
    parser: Parser
    encoding: Encoding
    messages: tuple[Message, ...]
    digest_bytes: int | None = None
    stamp: Stamp | None = None
    when: tuple[Condition, ...] = ()
    each: pointer.Tokens = ()
    repeated: bool = False
    body_digest: Place | None = None
    header: bytes = field(init=False)
    stamp_header: bytes = field(init=False)

    def __post_init__(self) -> None:
        # Asked for at every delivery, and made anew each time by a place.
        object.__setattr__(self, "header", self.at.header)
        object.__setattr__(self, "stamp_header", b"" if self.stamp is None else self.stamp.header)

    @property
    def signed_headers(self) -> tuple[bytes, ...]:
        """The headers that anybody holding the key needs in order to verify again."""
        names = [condition.place.header for condition in self.when]
        names += [self.header, self.stamp_header]
        names += [name for message in self.messages for name in message.header_names]
        return tuple(name for name in dict.fromkeys(names) if name)

    def precheck(self, headers: Headers) -> None:
        """Check all that can be checked without the body. Raises `Rejected`."""
        index = Index(headers)
        for condition in self.when:
            if condition.place.kind is Kind.HEADER:
                condition.check(index.find(condition.place.header))
        fields = self._head(index).fields if self.header else {}
        for message in self.messages:
            message.precheck(index)
        if self.stamp is None:
            return
        if self.stamp_header:
            found = index.value(self.stamp_header, Reason.TIMESTAMP_MISSING)
            self.stamp.freshness.check(found)
        elif self.stamp.field and self.header:
            self.stamp.freshness.check(single(fields, self.stamp.field))

    def read(self, view: View) -> list[Claim]:
        """Return what the delivery states. Raises `Rejected` unless all of it is well formed."""
        for condition in self.when:
            found = view.find(condition.place)
            condition.check(found.encode() if isinstance(found, str) else found)
        if self.body_digest is not None:
            _check_digest(view.text(self.body_digest), view.delivery.body)
        if self.each:
            items = lexemes.find(view.json, self.each)
            if not isinstance(items, list) or not 0 < len(items) <= ITEMS_MAX:
                raise Rejected(Reason.BODY_MALFORMED)
            claims = [self._claim(view, item) for item in items]
        else:
            claims = [self._claim(view, None)]
        view.stated = self, claims[0].stamp
        return claims

    def prove(
        self, claims: Sequence[Claim], keys: Sequence[Key], received_ms: int, matches: Matches
    ) -> int:
        """Return the index of the key that signed. Raises `Rejected`, and nothing else.

        Of several claims every one must hold.
        """
        if not keys:
            raise Rejected(Reason.KEY_MISSING)
        signers = [_signer(claim, keys, matches) for claim in claims]
        # Age is judged last: until the signature holds, the timestamp is only a claim.
        if self.stamp is not None:
            self.stamp.freshness.judge(claims[0].stamp, received_ms)
        return signers[0]

    def claimed_ms(self, view: View) -> int | None:
        """Say when the delivery claims to have been signed; None where it does not say.

        Raises `Rejected`, as `read` does.
        """
        if self.stamp is None:
            return None
        stated = view.stated
        found = self.read(view)[0].stamp if stated is None or stated[0] is not self else stated[1]
        return self.stamp.freshness.sent_ms(found)

    def _claim(self, view: View, root: lexemes.Node | None) -> Claim:
        parsed = self._parse(view, root)
        stamp = self._stamp(view, parsed)
        scope = Scope(view, stamp, parsed.fields, root)
        candidates = self._candidates(parsed.signatures)
        return Claim(candidates, [message.render(scope) for message in self.messages], stamp)

    def _parse(self, view: View, root: lexemes.Node | None) -> Parsed:
        if self.header:
            return self._head(view.index)
        return self.parser.parse(view.text(self.at, root))

    def _head(self, index: Index) -> Parsed:
        """Take the signature's header apart, or its headers where there may be several."""
        if not self.repeated:
            return self.parser.parse(index.value(self.header))
        values = index.every(self.header)
        if not values:
            raise Rejected(Reason.HEADER_MISSING)
        if len(values) > CANDIDATES_MAX:
            raise Rejected(Reason.HEADER_MALFORMED)
        return Parsed(
            bounded([text for value in values for text in self.parser.parse(value).signatures])
        )

    def _stamp(self, view: View, parsed: Parsed) -> bytes:
        stamp = self.stamp
        if stamp is None:
            return b""
        if stamp.field:
            return stamp.freshness.check(single(parsed.fields, stamp.field))
        assert stamp.place is not None
        found = view.find(stamp.place)
        return stamp.freshness.check(found.encode() if isinstance(found, str) else found)

    def _candidates(self, texts: Sequence[bytes]) -> list[bytes]:
        """Decode the signatures. Of several, one that is none is passed over: others may hold."""
        found = []
        length = self.digest_bytes
        for text in texts:
            try:
                candidate = decode(self.encoding, text)
            except ValueError:
                continue
            # Where the length varies, nothing at all is still no signature.
            if candidate and (length is None or length == len(candidate)):
                found.append(candidate)
        if not found:
            raise Rejected(Reason.HEADER_MALFORMED)
        return found


def _signer(claim: Claim, keys: Sequence[Key], matches: Matches) -> int:
    """Return the index of the key that made one claim. Raises `Rejected` if none did."""
    matched = None
    for index, key in enumerate(keys):
        for pieces in claim.messages:
            if matches(key, pieces, claim.candidates):
                matched = index
    if matched is None:
        raise Rejected(Reason.SIGNATURE_MISMATCH)
    return matched


def _check_digest(claimed: bytes, body: bytes) -> None:
    """Compare the body with its digest, which is only a claim yet. Raises `Rejected`."""
    try:
        digest = decode(Encoding.HEX, claimed)
    except ValueError:
        digest = b""
    if not hmac.compare_digest(digest, hashlib.sha256(body).digest()):
        raise Rejected(Reason.DIGEST_MISMATCH)
