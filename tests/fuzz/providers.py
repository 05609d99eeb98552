"""Targets of whole profiles: deliveries, tokens, handshakes, declarations, published keys."""

import json
import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from ingress.delivery import Delivery, Rejected
from ingress.keysources.declaration import Declaration, Kind
from ingress.keysources.reading import Reader
from ingress.keysources.result import FetchFailed
from ingress.providers import load_file, names
from ingress.providers.profile import Profile
from ingress.schemes import handshake
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.public_keys import KeyType
from ingress.schemes.parts.view import View
from tests.fuzz.registry import check, spliced, stranger, target, text_of
from tests.support.attacks import NOW_MS, SENDERS, profile, received, ring, sample
from tests.support.signers import Signer

JWS = tuple(signer for signer in SENDERS if signer.encoding == "base64url")


@target
def token(data: bytes) -> None:
    """JSON Web Signatures: whatever stands where a provider's token does."""
    for signer in JWS:
        good = sample(signer)
        if signer.header:
            prefix = b"Bearer " if signer.header == b"authorization" else b""
            mutated = replace(good, headers=((signer.header, prefix + data),))
        else:
            mutated = replace(good, body=b'{"data":' + json.dumps(text_of(data)).encode() + b"}")
        _verdict(signer, received(signer, mutated))


HANDSHAKES = tuple((signer, one) for signer in SENDERS for one in profile(signer).handshakes)


@target
def handshakes(data: bytes) -> None:
    """Handshakes: no line end reaches a header, and nothing is echoed but what may be."""
    delivery = stranger(data)
    view = View(delivery)
    for _, one in HANDSHAKES:
        one.matches(view)
        answer = one.answer(view, [Key(b"token")], [Key(b"key")])
        if isinstance(answer, handshake.Reply):
            assert all(value.isprintable() and value.isascii() for _, value in answer.headers)
            if answer.content_type == handshake.JSON_TYPE:
                json.loads(answer.body)


def _verdict(signer: Signer, delivery: Delivery) -> bool:
    """Verify and identify; fail on anything but `Rejected`, and on what cannot be published."""
    found: Profile = profile(signer)
    keys = ring(signer)
    found.kid(delivery)
    found.handshake(delivery, verified=False)
    try:
        found.precheck(delivery.headers)
        found.claimed_ms(delivery)
        index = found.verify(delivery, keys)
    except Rejected:
        return False
    finally:
        identity = found.identify(delivery)
        assert identity.event_key
        assert identity.event_type
    assert 0 <= index <= len(keys)
    return True


@cache
def _good(index: int) -> Delivery:
    signer = SENDERS[index]
    return received(signer, sample(signer))


@target
def deliveries(data: bytes) -> None:
    """Every profile, on a good delivery with one edit in it: body, header, query or URL."""
    if len(data) < 6:
        return
    index = data[0] % len(SENDERS)
    signer, good = SENDERS[index], _good(index)
    where, edit = data[1] % (len(good.headers) + 3), data[2:]
    mutated = good
    if where == 0:
        mutated = replace(good, body=spliced(edit, good.body))
    elif where == 1:
        mutated = replace(good, query=spliced(edit, good.query))
    elif where == 2:
        mutated = replace(good, received_ms=int.from_bytes(edit[:7], "big"))
    else:
        name, value = good.headers[where - 3]
        more = (name, spliced(edit, value))
        headers = (*good.headers[: where - 3], more, *good.headers[where - 2 :])
        mutated = replace(good, headers=headers)
    accepted = _verdict(signer, mutated)
    if accepted and where == 0 and signer.covers == "body" and signer.provider != "paypal":
        assert mutated.body == good.body, "another body was accepted"


@target
def strangers(data: bytes) -> None:
    """Every profile, on a delivery that is the stranger's own from beginning to end."""
    delivery = stranger(data)
    for signer in SENDERS:
        accepted = _verdict(signer, delivery)
        assert not accepted or not profile(signer).is_signed, "a stranger's delivery was accepted"


@cache
def _profiles() -> tuple[bytes, ...]:
    return tuple((files("ingress.providers") / f"{name}.toml").read_bytes() for name in names())


@target
def declarations(data: bytes) -> None:
    """Profiles in TOML come from an operator: every mistake is a `ValueError` that says where."""
    if len(data) < 5:
        return
    good = _profiles()[data[0] % len(_profiles())]
    text = spliced(data[1:], good)
    try:
        tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return  # that parser is not ours
    with TemporaryDirectory() as folder:
        file = Path(folder) / "example.toml"
        file.write_bytes(text)
        try:
            load_file(file)
        except ValueError as wrong:
            # What a source chose is told with the source; everything else is the file's.
            check(str(wrong).startswith(("example.toml", "parameter ")), "names no file")


HOST = r"keys\.example"

READERS = tuple(
    Reader(declaration)
    for declaration in (
        Declaration(Kind.JWKS, KeyType.RSA, HOST, url="https://keys.example/jwks"),
        Declaration(Kind.BY_ID, KeyType.P256, HOST, url="https://keys.example/{kid}", key="/key"),
        Declaration(Kind.CERTIFICATE, KeyType.RSA, HOST, subjects=(".example",)),
        Declaration(Kind.CERTIFICATE, KeyType.RSA, HOST, is_chained=False),
    )
)


@target
def key_answers(data: bytes) -> None:
    """Answers of key servers: keys that are good now, or `FetchFailed`."""
    for reader in READERS:
        try:
            found = reader("https://keys.example/x", data, NOW_MS)
        except FetchFailed:
            continue
        assert found
