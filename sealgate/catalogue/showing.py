"""One profile, with all that a merchant needs to set it up.

A profile flows in; a ready ``[[source]]`` block and what it does flow out: what is signed, which
ids are read, how old a delivery may be, what the edge answers, who says so and since when.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator

from consumers.interpret import mapping
from ingress.providers import Profile
from ingress.providers import signature as signs
from ingress.providers.declaration import Alternatives, ModeSign
from ingress.providers.keysource import KeySource
from sealgate.catalogue.listing import needs, refusal

CONFIDENCE = {
    "A": "the provider's own source was read, and a vector or library of its own reproduced",
    "B": "the provider's own source was read; it publishes no vector",
    "C": "only third parties say so, several of them agreeing",
    "D": "not confirmed: it works only where the source says experimental = true",
}
NOT_INTERPRETED = (
    "its events are verified, published and kept; they move no payment yet: there is no table of "
    "what its words mean"
)
ASSURANCE = {
    "A": "the body's bytes and a judged timestamp are signed",
    "B": "the body's bytes are signed; age is not judged",
    "C": "the body is signed in another form than its bytes",
    "D": "the body is not signed, or not all of it: a hint to look, which moves nothing",
    "E": "nothing is signed: a hint to look, which moves nothing",
}
_KEYS = {
    "utf8": "the secret, letter for letter as the provider shows it",
    "trim": "the secret; blanks around it do not count",
    "hex": "the secret in hex, as the provider shows it",
    "base64": "the secret in base64, as the provider shows it",
    "whsec": "the secret with its whsec_, as the provider shows it",
    "svix": "the secret, with its whsec_ if the provider shows one",
    "sha1": "the secret; its SHA-1 is the key",
}


_OPTIONAL = re.compile(r"\(\?:[^()]*\)\?")
_CHOICE = re.compile(r"\(\?:([^()|]*)\|[^()]*\)")
_CLASSES = (("[a-z]{2,4}", "us"), ("[a-z]+", "east"), ("[0-9]{1,2}", "1"), ("[a-z0-9-]+", "x"))


def as_text(profile: Profile, origin: str) -> str:
    """Write all about one profile."""
    said = profile.declaration
    parts = [
        f"{profile.title}  ({profile.name}, {origin})",
        "",
        *_block(profile),
        "",
        *_rows(_facts(profile)),
    ]
    if said.note:
        parts += ["", *textwrap.wrap(said.note, 98)]
    parts += ["", "evidence"]
    parts += [line for one in said.evidence for line in _evidence(one.what, str(one.read))]
    return "\n".join(parts)


def signed(profile: Profile) -> tuple[str, ...]:
    """Return what is signed, a line for each alternative."""
    return tuple(line for one in profile.declaration.signature for line in _signature(one))


def window(profile: Profile) -> str:
    """Say how far a timestamp may be from the receipt."""
    said = profile.declaration
    for one in said.signature:
        if isinstance(one, signs.Jws) and one.iat_window_s:
            return f"{one.iat_window_s} s"
    timed = said.timed
    if timed is None:
        return "no timestamp"
    return f"{timed.window_s} s" if timed.window_s else "signed, not judged"


def dedupe(profile: Profile) -> str:
    """Say what identifies an event."""
    return _places(profile.declaration.identity.event_key) or "SHA-256 of the content"


def mode(profile: Profile) -> str:
    """Say what tells a live event from a test."""
    return "; ".join(_sign(one) for one in profile.declaration.mode) or "nothing says so"


def _sign(said: ModeSign) -> str:
    words = (("live", said.live), ("test", said.test))
    told = [f"{word} where {' or '.join(texts)}" for word, texts in words if texts]
    return f"{said.at}: {', '.join(told)}"


def handshakes(profile: Profile) -> str:
    """Say how the provider asks whether the endpoint is ours."""
    found = [
        f"{one.method}{' (signed)' if one.signed else ''}" for one in profile.declaration.handshake
    ]
    return ", ".join(dict.fromkeys(found))


def _block(profile: Profile) -> Iterator[str]:
    slug = profile.name.replace("_", "-")[:27].strip("-") + "-main"
    yield "[[source]]"
    yield f"slug = {json.dumps(slug)}  # {' or '.join(profile.methods)} /hooks/{slug}"
    yield f"provider = {json.dumps(profile.name)}"
    if profile.signs_url:
        yield 'public_url = "https://hooks.example.com/hooks/' + slug + '"  # as registered there'
    if profile.declaration.confidence == "D":
        yield "experimental = true  # nobody has confirmed how it signs"
    if not profile.is_signed:
        yield "accepts_hints = true  # nothing is signed: events move nothing, and start a fetch"
    for message in profile.lacking:
        name = message.split("'")[1]
        yield f'# parameters.{name} = "..."  # to be filled in: {message.partition(": ")[2]}'
    if profile.declaration.addresses is not None:
        listed = profile.declaration.addresses.url
        yield f"# allow_published = true  # from the addresses at {listed}, and nobody else's"
    if profile.is_signed:
        yield from _key_block(profile, slug)


def _key_block(profile: Profile, slug: str) -> Iterator[str]:
    source = profile.declaration.key_source
    if source is not None:
        yield f"# keys are fetched from {origin(source)}; a key of your own is optional"
    if source is not None and source.credential != "none":
        yield ""
        yield "[[source.key]]"
        yield 'id = "api"'
        yield 'role = "api"'
        yield f'file = "secrets/{slug}.api"  # your API credential: the keys are fetched with it'
    mark = "# " if source is not None else ""
    yield ""
    yield f"{mark}[[source.key]]"
    yield f'{mark}id = "first"  # yours to choose; metrics and logs show it'
    public = ".pub" if _is_public(profile) else ""
    yield f'{mark}file = "secrets/{slug}{public}"  # {_key(profile)}'


def origin(source: KeySource) -> str:
    """Say where keys are fetched: the address, or a host as it may be named."""
    if source.url:
        return source.url
    text = _CHOICE.sub(lambda found: found[1], _OPTIONAL.sub("", source.hosts))
    for pattern, word in _CLASSES:
        text = text.replace(pattern, word)
    text = text.replace("(?:", "").replace(")+", "").replace(")", "").replace("\\", "")
    fits = re.fullmatch(source.hosts, text) is not None
    return "the address that each delivery names, at " + (text if fits else "its provider's hosts")


def _is_public(profile: Profile) -> bool:
    first = profile.declaration.signature[0]
    return isinstance(first, signs.Asym) or (
        isinstance(first, signs.Jws) and first.algorithm != "HS256"
    )


def _key(profile: Profile) -> str:
    first = profile.declaration.signature[0]
    if isinstance(first, signs.Mac):
        return _KEYS.get(first.key, "the secret as the provider shows it")
    if isinstance(first, signs.Token):
        return "the token that you set at the provider"
    if isinstance(first, signs.Jws) and first.algorithm == "HS256":
        return "the secret shared with the provider"
    return "the provider's PUBLIC key, as PEM or as it shows it (new-key: the .pub file)"


def _facts(profile: Profile) -> Iterator[tuple[str, str]]:
    said = profile.declaration
    grade = profile.assurance.value
    yield "class", f"{grade}: {ASSURANCE[grade]}; coverage {profile.coverage}"
    yield "confidence", f"{said.confidence}: {CONFIDENCE[said.confidence]}"
    yield "needs", ", ".join(needs(profile)) or "a key"
    for line in signed(profile):
        yield "signed", line
    yield "window", window(profile)
    yield "event id", dedupe(profile)
    yield "event type", _places(said.identity.event_type) or "not named"
    yield "payment", _places(said.identity.payment_ref) or "not named"
    yield "mode", mode(profile)
    if profile.name not in mapping.load():
        yield "payments", NOT_INTERPRETED
    yield "answers", _answers(profile)
    horizon = said.answers.retry_horizon_s
    yield "retries", f"for about {_long(horizon)}" if horizon else "for how long is not known"
    yield "methods", ", ".join(said.methods)
    yield "handshake", handshakes(profile) or "none"


def _answers(profile: Profile) -> str:
    body = f" {profile.success_body.decode()!r}" if profile.success_body else ""
    stale = " (invalid/stale)" if profile.stale_status != profile.refusal_status else ""
    return f"{profile.success_status}{body} when durable; {refusal(profile)}{stale} when refused"


def _signature(said: signs.Signature) -> Iterator[str]:
    if isinstance(said, signs.Unsigned):
        yield "nothing"
        return
    place = str(said.place)
    if isinstance(said, signs.Token):
        yield f"the secret itself in {place}" + (f" behind {said.prefix!r}" if said.prefix else "")
    elif isinstance(said, signs.Jws):
        detached = ", detached from the body" if said.detached else ""
        yield f"a JWS {said.algorithm} in {place}{detached}"
    else:
        algorithm = said.hash if isinstance(said, signs.Mac) else f"{said.type} {said.hash}".strip()
        how = f"HMAC {algorithm}" if _is_hmac(said) else algorithm
        messages = " or ".join(repr(message)[1:-1] for message in said.message)
        if isinstance(said, signs.Asym) and said.prehash:
            how += f" of the {said.prehash}"
        yield f"{how} as {said.encoding} in {place} over {messages}"


def _is_hmac(said: signs.Mac | signs.Asym) -> bool:
    return isinstance(said, signs.Mac) and said.construction == "hmac"


def _places(alternatives: Alternatives) -> str:
    return ", else ".join(" + ".join(places) for places in alternatives)


def _long(seconds: int) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds} s"


def _rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in rows:
        yield from textwrap.wrap(text, 98, initial_indent=f"{name:<12}", subsequent_indent=" " * 12)


def _evidence(what: str, read: str) -> list[str]:
    return textwrap.wrap(f"{what}, read {read}", 98, initial_indent="  ", subsequent_indent="    ")
