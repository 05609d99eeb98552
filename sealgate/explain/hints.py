"""What can be seen without trying: guesses, each with what to do.

A case and its verdict flow in, findings that are not proven flow out, one small function each.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping

from ingress.delivery import Reason, Rejected
from ingress.schemes.asym import Asym
from ingress.schemes.jws import Jws
from ingress.schemes.mac import DIGEST_BYTES, Mac
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.places import Kind
from ingress.schemes.parts.public_keys import base64url
from ingress.schemes.parts.statement import Condition, Statement
from ingress.schemes.parts.view import View
from sealgate.catalogue.showing import origin
from sealgate.explain.case import Case, Verdict, decoded, primitives, statements
from sealgate.explain.diagnoses import Finding
from sealgate.explain.signatures import other_versions

Hints = Iterator[Finding]
MISNAMED = "header-misnamed"
_HEX = re.compile(rb"[0-9a-fA-F]+")
_LENGTH = re.compile(rb"[0-9]{1,12}")
_REPLACEMENT = b"\xef\xbf\xbd"
_API_KEY = re.compile(rb"(?:sk|pk|rk)_(?:live|test)_")
# A random signature of so many letters has both kinds of them.
_LETTERS_MIN = 16
_SHOWN_MAX = 100
_MASKS = (b"*", b"...", b"\xe2\x80\xa6", b"redacted", b"hidden", b"<")


def truncated(case: Case) -> Hints:
    """Compare the body's length with Content-Length."""
    for value in case.delivery.values(b"content-length"):
        # More digits than any body needs are no length, and not worth the reading.
        said = int(value) if _LENGTH.fullmatch(value) else -1
        got = len(case.delivery.body)
        if 0 <= said != got:
            cut = "cut off" if got < said else "longer than it was"
            advice = "capture the whole body, and nothing behind it"
            what = f"the body has {got} bytes and Content-Length says {said}: it is {cut}"
            yield Finding("truncated", what, advice, proven=False)


def replaced_letters(case: Case) -> Hints:
    """Look for U+FFFD, which stands where bytes could not be decoded and are lost."""
    if _REPLACEMENT in case.delivery.body:
        yield Finding(
            "lost-letters",
            "the body holds U+FFFD: somebody decoded it in the wrong character set, and the bytes "
            "that were there are lost",
            "capture the bytes before anything decodes them",
            proven=False,
        )


def empty(case: Case) -> Hints:
    """Look at a body of no bytes."""
    if not case.delivery.content:
        what = "the body is empty, so another was signed unless the provider's was empty too"
        advice = "a framework may have read the body before the capture: capture it first"
        yield Finding("empty-body", what, advice, proven=False)


def broken_json(case: Case) -> Hints:
    """Look at a body that begins like JSON."""
    body = case.delivery.body
    if body.lstrip()[:1] not in {b"{", b"["}:
        return
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        what = "the body begins like JSON and is none: it was cut off, or edited"
        yield Finding("broken-json", what, "capture the body's bytes as they came", proven=False)


def empty_header(case: Case) -> Hints:
    """Look for a signature's header that is there and empty."""
    for said in statements(case.profile):
        if said.at.kind is Kind.HEADER and b"" in case.delivery.values(said.at.header):
            yield Finding(
                "empty-header",
                f"the header {said.at.name} is there and empty",
                "a capture or a proxy has taken its value out, or no secret is set at the provider",
                proven=False,
            )


def length(case: Case) -> Hints:
    """Compare the length of a signature in hex with its hash's."""
    for one in primitives(case.profile):
        if not isinstance(one, Mac) or one.statement.encoding is not Encoding.HEX:
            continue
        for text in _signatures(case, one.statement):
            there, expected = len(text), 2 * DIGEST_BYTES[one.hash]
            if _HEX.fullmatch(text) and there != expected:
                fitting = [name for name, size in DIGEST_BYTES.items() if 2 * size == there]
                more = f"; a {' or '.join(fitting)} has {there}" if fitting else ": it was cut"
                yield Finding(
                    "signature-length",
                    f"the signature has {there} hex digits, and one of {one.hash} has {expected}"
                    + more,
                    "capture the whole header; or the provider signs with another hash",
                    proven=False,
                )


def _signatures(case: Case, said: Statement) -> list[bytes]:
    try:
        return list(said.parser.parse(View(case.delivery).text(said.at)).signatures)
    except Rejected:
        return []


def misnamed(case: Case) -> Hints:
    """Look for headers named nearly like the one that is missing."""
    there = sorted({name.decode("latin-1") for name, _ in case.delivery.headers})
    for said in statements(case.profile):
        name = said.at.name
        near = difflib.get_close_matches(name.replace("_", "-"), there, n=1, cutoff=0.75)
        if said.at.kind is Kind.HEADER and near and near[0] != name:
            yield Finding(
                MISNAMED,
                f"there is no {name}, but a header {near[0]}",
                "a proxy renames or drops headers (some drop underscores): let it pass",
                proven=False,
            )


def masked(case: Case) -> Hints:
    """Look for a signature that a log has masked."""
    for said in statements(case.profile):
        for value in case.delivery.values(said.at.header):
            if any(mask in value.lower() for mask in _MASKS):
                what = "the signature's header looks masked or cut, as logs write it"
                yield Finding("masked", what, "capture the whole header", proven=False)


def versions(case: Case) -> Hints:
    """Name the versions that are there where ours is not."""
    found = other_versions(case)
    if found:
        listed = ", ".join(name.decode("latin-1")[:16] for name in found[:5])
        what = f"the signature's header has only {listed}, and not the version asked for"
        advice = "switch the version on at the provider; an older one is never taken in its place"
        yield Finding("other-version-only", what, advice, proven=False)


def unmet(case: Case) -> Hints:
    """Name the conditions that the delivery does not meet, and the algorithm of a token."""
    view = View(case.delivery)
    for said in statements(case.profile):
        for condition in said.when:
            text = _another(condition, view)
            if text is not None:
                # Of a header its text is shown; elsewhere it is content.
                is_header = condition.place.kind is Kind.HEADER
                shown = _shown(text) if is_header else "another than is expected"
                yield _unmet(f"{condition.place} is {shown}", case)
    for one in primitives(case.profile):
        if isinstance(one, Jws):
            alg = _algorithm(case, one)
            known = alg == one.algorithm
            what = "token asks for an extension (crit)" if known else "token is signed with "
            yield _unmet(f"the {what}{'' if known else _shown(alg.encode())}", case)


def _another(condition: Condition, view: View) -> bytes | None:
    """Return the text that stands where another is expected; None where nothing is amiss."""
    try:
        text = view.text(condition.place)
    except Rejected:
        return None
    try:
        condition.check(text)
    except Rejected:
        return text
    return None


def _unmet(what: str, case: Case) -> Finding:
    return Finding(
        "not-accepted",
        f"{what}, which {case.profile.title} is not known to sign with, or which is too weak",
        "a forgery, or another product of the provider's: an algorithm is never the sender's "
        "to choose",
        proven=False,
    )


def _algorithm(case: Case, one: Jws) -> str:
    """Read what a token says of itself; "" where it cannot be read."""
    try:
        text = View(case.delivery).text(one.at).removeprefix(one.prefix)
        said = json.loads(base64url(text.partition(b".")[0]))
    except (Rejected, ValueError, RecursionError):
        return ""
    alg = said.get("alg") if isinstance(said, dict) else None
    return alg if isinstance(alg, str) else ""


def _shown(text: bytes) -> str:
    return repr(text[:_SHOWN_MAX])[1:]


def untrusted(case: Case) -> Hints:
    """Name the address of a certificate that is not one of the provider's."""
    for one in primitives(case.profile):
        if isinstance(one, Asym) and one.naming is not None:
            found = View(case.delivery).find(one.naming.at)
            text = found.encode() if isinstance(found, str) else found or b""
            yield Finding(
                "certificate-elsewhere",
                f"the delivery names the certificate at {_shown(text)}, and {case.profile.title} "
                "keeps none there",
                "a forgery as a rule; if the provider says that it has moved, its profile is to "
                "be changed",
                proven=False,
            )
            return


def unknown_key(case: Case) -> Hints:
    """Name the key that the delivery asks for."""
    named = case.profile.kid(case.delivery) or "a name that could not be read"
    source = case.profile.declaration.key_source
    fetched = f"; the gateway fetches it from {origin(source)}" if source else ""
    yield Finding(
        "key-not-held",
        f"the delivery names the key {named[:64]}, and none of that name is given{fetched}",
        f"give it with --key-file {named[:64]}=FILE, or set kid of the [[source.key]]",
        proven=False,
    )


def no_key(case: Case) -> Hints:
    """Say that nothing can be verified without a key, or why the one given is none."""
    for hint in decoded(case.profile, case.held)[1]:
        advice = "replace what the file holds by what the provider shows for this webhook"
        yield Finding("unusable-key", hint, advice, proven=False)
    advice = "give one with --key-file FILE, or name a configured source with --source"
    what = f"{case.profile.title} signs, and there is no usable key"
    yield Finding("no-key", what, advice, proven=False)


def lacking(case: Case) -> Hints:
    """Say what a source must tell before it may use the profile: without, less is proven."""
    for what in case.profile.lacking:
        advice = "give it with --parameter NAME=VALUE; the gateway refuses a source without it"
        yield Finding("parameter-missing", what, advice, proven=False)


def no_url(case: Case) -> Hints:
    """Say that the URL is signed and not known."""
    if case.profile.signs_url and not case.delivery.url:
        what = f"{case.profile.title} signs its registered URL, and none is given"
        yield Finding("no-url", what, "give it with --url, or as public_url", proven=False)


def method(case: Case) -> Hints:
    """Say that the edge would not take the method."""
    if case.delivery.method not in case.profile.methods:
        allowed = " and ".join(case.profile.methods)
        what = f"the method is {case.delivery.method}; the edge takes {allowed} of this provider"
        advice = "a redirect turns POST into GET: register the URL that answers without one"
        yield Finding("method", what, advice, proven=False)


def encoding(case: Case) -> Hints:
    """Say that the edge would not take the encoding."""
    for value in case.delivery.values(b"content-encoding"):
        word = value.decode("latin-1").lower()
        if word not in {"identity", *case.profile.declaration.content_encodings}:
            what = f"Content-Encoding is {word[:32]}: the edge would answer 415"
            advice = "a proxy must not compress requests; the provider signs what it sends"
            yield Finding("content-encoding", what, advice, proven=False)


def api_key(case: Case) -> Hints:
    """Look for the provider's API key in the place of the endpoint's secret."""
    for held in case.held:
        if _API_KEY.match(held.secret.strip()):
            yield Finding(
                "api-key",
                f"the key {held.id!r} begins as API keys do (sk_, pk_, rk_), and few providers "
                "sign with one",
                "take the secret that the dashboard shows beside this very webhook",
                proven=False,
            )


def lost_letters(case: Case) -> Hints:
    """Look at a signature in base64 whose letters are all of one case."""
    for said in statements(case.profile):
        for text in _signatures(case, said) if said.encoding is Encoding.BASE64 else []:
            letters = bytes(letter for letter in text if chr(letter).isalpha())
            if len(letters) >= _LETTERS_MIN and letters in {letters.upper(), letters.lower()}:
                yield Finding(
                    "case-lost",
                    "the signature is base64, and all its letters are of one case: something "
                    "changed them, and what they were is lost",
                    "capture the header before anything turns it into capitals or small letters",
                    proven=False,
                )


def other_kind(case: Case) -> Hints:
    """Say what the delivery carries in the place of what is asked for."""
    yield from versions(case)
    yield from unmet(case)


def mismatch(case: Case) -> Hints:
    """Look at what is likely wrong where a signature is well formed and nobody's."""
    yield from api_key(case)
    yield from lost_letters(case)


HINTS: tuple[Callable[[Case], Hints], ...] = (
    method,
    encoding,
    no_url,
    lacking,
    masked,
    empty_header,
    length,
    truncated,
    broken_json,
    replaced_letters,
    empty,
)
BY_REASON: Mapping[Reason, Callable[[Case], Hints]] = {
    Reason.KEY_MISSING: no_key,
    Reason.KEY_UNKNOWN: unknown_key,
    Reason.HEADER_MISSING: misnamed,
    Reason.HEADER_MALFORMED: lost_letters,
    Reason.SIGNATURE_MISMATCH: mismatch,
    Reason.VERSION_UNSUPPORTED: other_kind,
    Reason.CERTIFICATE_UNTRUSTED: untrusted,
}
FATAL = frozenset({"no-key", "key-not-held", "no-url"})
"""Where one of these is found, nothing that is tried could hold."""
ENOUGH = frozenset(
    {
        "truncated",
        "broken-json",
        "lost-letters",
        "empty-header",
        "signature-length",
        "masked",
        "not-accepted",
        "certificate-elsewhere",
        "case-lost",
    }
)
"""Where one of these is seen, the key need not be doubted."""


def seen(case: Case, verdict: Verdict) -> list[Finding]:
    """Return everything that can be seen."""
    own = BY_REASON.get(verdict.reason) if verdict.reason else None
    hints = HINTS if own is None else (own, *HINTS)
    return [finding for hint in hints for finding in hint(case)]
