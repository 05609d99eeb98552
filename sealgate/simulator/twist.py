"""What may happen to a delivery on its way, or be tried by an attacker: a closed list. Pure.

A content and what its provider signs with flow in, the request to be sent flows out. `GENUINE` is
the provider as it is; every other one breaks exactly one thing, so that the answer can only be
about that. Not every provider's scheme can express every twist (nothing forges a signature that
does not exist): `Inexpressible` says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ingress.delivery import Rejected
from ingress.providers import Profile
from ingress.providers import signature as signs
from ingress.schemes.parts import forms, lexemes
from ingress.schemes.parts.message import Pieces
from ingress.schemes.parts.places import Kind, Place
from sealgate.simulator.complete import chosen, roots
from sealgate.simulator.draft import CONTENT_TYPE, FORM, Draft, drop, find, put, texts
from sealgate.simulator.keys import SigningKey
from sealgate.simulator.sign import messages, sign, signature_place

# Above what any source may allow (`ingress.settings.EdgeSettings.body_bytes_max`).
OVERSIZED_BYTES = 1024 * 1024 + 1
# Longer than any replay window a payment provider recommends (300 s), and than a token's life.
STALE_MS = 3_600_000
MISSING_BYTES = 64
_FROM_THE_END = 6


class Twist(StrEnum):
    """One thing done to a delivery."""

    GENUINE = "genuine"
    FORGED = "forged signature"  # of the right form, and not made with the key
    WRONG_KEY = "wrong key"  # signed well, with a key that is not the source's
    UNSIGNED = "unsigned"  # no signature at all
    ALTERED = "altered body"  # the signature of another content
    STALE = "stale timestamp"  # a genuine delivery, captured and sent again an hour later
    CUT = "body cut"  # half of the body, with the length of the half
    SHORT = "length too long"  # declares more bytes than ever arrive
    BROKEN = "broken JSON"  # signed well, and not JSON
    OVERSIZED = "oversized body"  # signed well, and larger than anybody may send


class Inexpressible(ValueError):
    """The twist means nothing for this provider's way of signing."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `declared_bytes` is its Content-Length, whatever the body's length is."""

    headers: dict[str, str]
    body: bytes = field(repr=False)
    declared_bytes: int
    method: str = "POST"
    query: bytes = b""


@dataclass(frozen=True, slots=True)
class Signer:
    """What a delivery is signed with. `wrong` is a key that the source does not have."""

    profile: Profile
    key: SigningKey
    wrong: SigningKey

    def request(self, twist: Twist, draft: Draft, now_ms: int, message_id: str) -> Request:
        """Return what goes over the wire at `now_ms`. Raises `Inexpressible`, and `ValueError`."""
        key = self.wrong if twist is Twist.WRONG_KEY else self.key
        then_ms = now_ms - STALE_MS if twist is Twist.STALE else now_ms
        if twist in _ATTACKS and not self.profile.is_signed:
            raise Inexpressible(f"{self.profile.title} signs nothing: nothing is {twist.value}")
        signed = self._signed(twist, key, draft, then_ms, message_id)
        sent = self._attacked(twist, signed, then_ms)
        if twist in {Twist.CUT, Twist.SHORT} and not sent.body:
            raise Inexpressible("there is no body")
        if twist is Twist.CUT:
            sent = replace(sent, body=sent.body[: len(sent.body) // 2])
        declared = len(sent.body) + (MISSING_BYTES if twist is Twist.SHORT else 0)
        return Request(dict(sent.headers), sent.body, declared, sent.method, sent.query)

    def _signed(
        self, twist: Twist, key: SigningKey, draft: Draft, now_ms: int, message_id: str
    ) -> Draft:
        content = self._content(twist, draft)
        try:
            return sign(self.profile, key, content, now_ms, message_id)
        except ValueError as wrong:
            if twist is Twist.BROKEN:
                raise Inexpressible(str(wrong)) from None
            raise

    def _content(self, twist: Twist, draft: Draft) -> Draft:
        """Change the content before it is signed."""
        if twist is Twist.BROKEN:
            bare = draft.body.rstrip()
            if not bare.endswith((b"}", b"]")):
                raise Inexpressible("the body is no JSON object that could be broken")
            return replace(draft, body=bare[:-1])
        return self._oversized(draft) if twist is Twist.OVERSIZED else draft

    def _oversized(self, draft: Draft) -> Draft:
        if draft.method == "GET":
            raise Inexpressible("a GET has no body")
        if draft.headers.get(CONTENT_TYPE) == FORM:
            return put(draft, Place(Kind.FORM, "padding"), "0" * OVERSIZED_BYTES)
        if not self._is_rewritten:
            return replace(draft, body=draft.body.ljust(OVERSIZED_BYTES))
        # Blanks would be lost: the body is written anew when the signature is put into it.
        padding = Place(Kind.JSON, tokens=("padding",))
        return put(draft, padding, "0" * OVERSIZED_BYTES)

    @property
    def _is_rewritten(self) -> bool:
        if self.profile.is_token_content:
            return True
        says = self.profile.declaration
        stands = [one.place for one in says.signature if not isinstance(one, signs.Unsigned)]
        stands += [says.timed.place] if says.timed is not None and says.timed.place else []
        return any(place.kind is Kind.JSON for place in stands)

    def _attacked(self, twist: Twist, signed: Draft, now_ms: int) -> Draft:
        """Do to a signed request what an attacker would."""
        if twist not in {Twist.FORGED, Twist.UNSIGNED, Twist.ALTERED}:
            return signed
        if twist is Twist.ALTERED:
            return _altered(self.profile, signed, now_ms)
        said = chosen(self.profile, signed)
        place, under = signature_place(said), roots(said, signed)[0]
        if twist is Twist.UNSIGNED:
            return drop(signed, place, under)
        signature = find(signed, place, under)
        assert signature is not None
        return put(signed, place, _other(signature), under)


_ATTACKS = frozenset({Twist.FORGED, Twist.WRONG_KEY, Twist.UNSIGNED, Twist.ALTERED})


def _altered(profile: Profile, signed: Draft, now_ms: int) -> Draft:
    """Return the signed request with the first change of its content that the signature tells."""
    told = _told(profile, signed, now_ms)
    for changed in _changes(signed):
        try:
            if _told(profile, changed, now_ms) != told:
                return changed
        except ValueError:
            continue
    raise Inexpressible(f"{profile.title}: the signature covers nothing of the content")


def _told(profile: Profile, draft: Draft, now_ms: int) -> list[Pieces]:
    """Return what a signature tells of a request: its messages, and the body if its digest is."""
    said = chosen(profile, draft)
    by_digest = isinstance(said, signs.Mac) and said.body_digest is not None
    told = [pieces for _, pieces in messages(profile, draft, now_ms)]
    return [*told, (draft.body,)] if by_digest else told


def _changes(draft: Draft) -> Iterator[Draft]:
    """Change the content: its bytes, then its members, then every text in it."""
    if draft.method == "GET":
        yield put(draft, Place(Kind.QUERY, "altered"), "1")
        for name, text in forms.parse(draft.query):
            yield put(draft, Place(Kind.QUERY, name), text + "x")
        return
    yield replace(draft, body=draft.body + b" ")
    if draft.headers.get(CONTENT_TYPE) == FORM:
        yield put(draft, Place(Kind.FORM, "altered"), "1")
        for name, text in forms.parse(draft.body):
            yield put(draft, Place(Kind.FORM, name), text + "x")
        return
    try:
        tree = lexemes.parse(draft.body)
    except Rejected:
        return
    if isinstance(tree, dict):
        yield put(draft, Place(Kind.JSON, tokens=("altered",)), "1")
    for tokens, text in texts(tree):
        yield put(draft, Place(Kind.JSON, tokens=tokens), text + "x")


def _other(signature: str) -> str:
    """Return a signature of the same form that is another one.

    Near the end, but before the padding, both hexadecimal and base64 have a digit there.
    """
    place = max(len(signature) - _FROM_THE_END, 0)
    digit = "1" if signature[place] == "0" else "0"
    return signature[:place] + digit + signature[place + 1 :]
