"""What a verifier does with one delivery, step by step, in plain words.

A case flows in, numbered steps flow out: the request, the profile, the header that was looked for,
the timestamp, the bytes that were signed, the keys. Of a signature only its shape is told and its
two ends; of the signed bytes their length, their SHA-256 and what of them is no content of the
provider's, unless the body may be shown. A token is a secret, and nothing of it is shown.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ingress.delivery import Reason, Rejected
from ingress.providers import signature as signs
from ingress.schemes.asym import Asym
from ingress.schemes.mac import Mac
from ingress.schemes.parts.message import compile_message
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.scope import Scope
from ingress.schemes.parts.statement import Claim, Statement
from ingress.schemes.parts.view import View
from sealgate.explain import times
from sealgate.explain.case import Case, Verdict, primitives

SHOWN_HEAD, SHOWN_TAIL = 48, 16
_PART = re.compile(r"(\{[^{}]*\})")
_OPEN_PARTS = ("timestamp", "method", "crc32", "field", "covered", "header")
_PRIVATE_HEADERS = ("authorization", "cookie", "token", "secret", "key")
_TRIED = frozenset({Reason.SIGNATURE_MISMATCH, Reason.DIGEST_MISMATCH, Reason.CLAIM_MISMATCH})
_HEX = re.compile(rb"(?:0x)?[0-9a-fA-F]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was looked at, and what was found there."""

    title: str
    lines: tuple[str, ...]


def request(case: Case, form: str, notes: tuple[str, ...]) -> Step:
    """Tell what was captured."""
    delivery = case.delivery
    kind = b", ".join(delivery.values(b"content-type")).decode("latin-1")[:60] or "no Content-Type"
    path = _line(case.target.partition("?")[0][:80])
    lines = (
        f"{delivery.method} {path or '(no path)'}, {len(delivery.headers)} headers ({form})",
        f"query of {len(delivery.query)} bytes, body of {len(delivery.body)} bytes, {kind}",
        *notes,
    )
    return Step("Request", lines)


def profile(case: Case, origin: str) -> Step:
    """Tell by which profile it is judged."""
    one = case.profile
    said = one.declaration
    return Step(
        "Profile",
        (
            f"{one.name}: {one.title}, {origin}; confidence {said.confidence}",
            f"{one.scheme}, class {one.assurance}, coverage {one.coverage}",
        ),
    )


def signature(case: Case) -> Step:
    """Tell where the signature was looked for and what stands there."""
    chosen = _chosen(case)
    lines: list[str] = []
    for index, said in enumerate(case.profile.declaration.signature):
        lines += _looked(case, said)
        lines += [f"only where {_condition(one)}" for one in getattr(said, "when", ())]
        if index == chosen and len(case.profile.declaration.signature) > 1:
            lines.append("this one is judged")
    return Step("Signature", tuple(lines))


def timestamp(case: Case, receipt: times.Receipt, now_ms: int) -> Step:
    """Tell when it claims to be signed, how old it was, and how old it is."""
    claimed = times.claimed_ms(case.profile, case.delivery)
    lines = [f"received {times.moment(receipt.ms)} ({receipt.why})"]
    timed = case.profile.declaration.timed
    if claimed is not None:
        lines.append(f"signed {times.moment(claimed)}, as the delivery claims")
        age_ms = receipt.ms - claimed
        side = "after" if age_ms >= 0 else "BEFORE"
        window = f"window {timed.window_s} s" if timed and timed.window_s else "no window is judged"
        lines.append(f"received {times.span(age_ms)} {side} it was signed; {window}")
        lines.append(times.since(claimed, now_ms))
    elif timed is not None:
        place = timed.place or f"field {timed.field} of the signature's text"
        lines.append(f"a timestamp ({timed.unit}) is expected at {place}; none could be read")
    else:
        lines.append("this provider signs no timestamp: age is not judged")
    return Step("Time", tuple(lines))


def message(case: Case, *, show_body: bool) -> Step:
    """Tell exactly which bytes were signed."""
    view = View(case.delivery)
    chosen = _chosen(case)
    verifier = primitives(case.profile)[chosen]
    said = case.profile.declaration.signature[chosen]
    if not isinstance(verifier, Mac | Asym) or not isinstance(said, signs.Mac | signs.Asym):
        return Step("Signed bytes", (_unstated(said),))
    try:
        claims = verifier.read(view)
    except Rejected as rejected:
        return Step("Signed bytes", (f"could not be put together: {rejected.reason}",))
    lines = [
        line for number, claim in enumerate(claims[:3]) for line in _pieces(said, claim, number)
    ]
    if not said.each:
        lines += _shown(verifier.statement, said, view, claims[0], show_body=show_body)
    return Step("Signed bytes", tuple(lines))


def keys(case: Case, wrong: list[str], verdict: Verdict) -> Step:
    """Tell which keys were tried, or are there and were not."""
    tried = verdict.is_signed or verdict.reason in _TRIED
    named = case.profile.kid(case.delivery)
    lines = list(wrong)
    for name, key in case.keys:
        said = f"{name!r}" + (f", the provider's {key.kid}" if key.kid else "")
        lines.append(f"tried {said}" if tried else f"{said}: not tried, it did not come to that")
    if named:
        lines.insert(0, f"the delivery names the key {named[:100]!r}")
    return Step("Keys", tuple(lines) or ("none",))


def _chosen(case: Case) -> int:
    """Return which of the alternatives is judged: the first that can be read, or else the first."""
    view = View(case.delivery)
    for index, one in enumerate(primitives(case.profile)):
        try:
            one.read(view)
        except Rejected:
            continue
        return index
    return 0


def _looked(case: Case, said: signs.Signature) -> Iterator[str]:
    if isinstance(said, signs.Unsigned):
        yield "no signature: this provider signs nothing"
        return
    place = said.place
    found = list(_found(case, place))
    if not found:
        yield f"looked for {place}: NOT there"
    elif len(found) > 1:
        yield f"looked for {place}: found {len(found)} times"
    else:
        yield f"looked for {place}: found once"
    for text in found[:3]:
        yield f"  it holds {_shape(text, said)}"


def _found(case: Case, place: Place) -> Iterator[bytes]:
    view = View(case.delivery)
    if place.kind is Kind.HEADER:
        yield from view.index.every(place.header)
        return
    try:
        yield view.text(place)
    except Rejected:
        return


def _shape(text: bytes, said: signs.Mac | signs.Asym | signs.Jws | signs.Token) -> str:
    """Describe a signature's text: length, prefix, encoding; shortened where it is no secret."""
    if isinstance(said, signs.Token):
        return f"{len(text)} bytes; it is a secret and not shown"
    if isinstance(said, signs.Jws):
        return f"{len(text)} bytes in {text.count(b'.') + 1} segments; not shown"
    prefix = said.parser.prefix.encode() if isinstance(said.parser, signs.Plain) else b""
    bare = text.removeprefix(prefix)
    kind = (
        "hex" if _HEX.fullmatch(bare) else "base64" if _BASE64.fullmatch(bare) else said.parser.form
    )
    begun = f", {prefix.decode()!r} and then" if prefix and bare != text else ","
    return f"{len(text)} bytes{begun} {len(bare)} of {kind}: {_ends(text, 20, 6)}"


def _condition(said: signs.Condition) -> str:
    absent = f"{said.at} is absent" if said.absent else ""
    if said.equals is None and said.matches is None:
        return absent or f"{said.at} is there"
    verb, text = ("is", said.equals) if said.equals is not None else ("is like", said.matches)
    return " or ".join(one for one in (absent, f"{said.at} {verb} {text!r}") if one)


def _unstated(said: signs.Signature) -> str:
    if isinstance(said, signs.Token):
        return "none: the secret itself is sent and compared, and the body is NOT covered"
    if isinstance(said, signs.Jws):
        covers = "the body, detached from the token" if said.detached else "the token's own content"
        claim = f"; its claim {said.body_hash_claim} holds the body's SHA-256"
        return covers + (claim if said.body_hash_claim else "")
    return "none: anybody could have sent this"


def _pieces(said: signs.Mac | signs.Asym, claim: Claim, number: int) -> Iterator[str]:
    item = f"item {number}: " if said.each else ""
    for template, pieces in zip(said.message, claim.messages, strict=True):
        written = repr(template)[1:-1]
        if len(pieces) > 1:  # the secret stands between: no digest of the whole is ever shown
            lengths = " + the secret + ".join(str(len(piece)) for piece in pieces)
            yield f"{item}{written}: {lengths} bytes"
        else:
            digest = hashlib.sha256(pieces[0]).hexdigest()
            yield f"{item}{written}: {len(pieces[0])} bytes, SHA-256 {digest}"


def _shown(
    statement: Statement, said: signs.Mac | signs.Asym, view: View, claim: Claim, *, show_body: bool
) -> Iterator[str]:
    """Show the first message part by part, with the content left out unless it may be shown."""
    try:
        fields = statement.parser.parse(view.text(statement.at)).fields
    except Rejected:
        fields = {}
    scope = Scope(view, claim.stamp, fields)
    for text in _PART.split(said.message[0]):
        if not text:
            continue
        if not _PART.fullmatch(text):
            yield f"  literal  {_ends(text.encode(), SHOWN_HEAD, SHOWN_TAIL)}"
        elif text == "{secret}":
            yield "  {secret}  not shown"
        else:
            yield f"  {text}  {_part(text, scope, show_body=show_body)}"


def _part(text: str, scope: Scope, *, show_body: bool) -> str:
    try:
        found = compile_message(text).render(scope)[0]
    except Rejected as rejected:
        return f"missing: {rejected.reason}"
    name, _, argument = text[1:-1].partition(":")
    is_private = any(word in argument for word in _PRIVATE_HEADERS)
    if name == "url":
        base, mark, query = found.partition(b"?")
        return _ends(base, 80, 20) + (f" ? {len(query)} bytes of query" if mark else "")
    if show_body or (name in _OPEN_PARTS and not is_private):
        return f"{len(found)} bytes: {_ends(found, SHOWN_HEAD, SHOWN_TAIL)}"
    return f"{len(found)} bytes (content: shown with --show-body)"


def _ends(text: bytes, head: int, tail: int) -> str:
    """Escape a text for a terminal, and leave its middle out if it is long."""
    if len(text) <= head + tail:
        return _escape(text)
    return f"{_escape(text[:head])} ... {_escape(text[-tail:])}"


def _line(text: str) -> str:
    """Escape what a terminal would take for a command."""
    return repr(text)[1:-1]


def _escape(text: bytes) -> str:
    return repr(text)[1:]
