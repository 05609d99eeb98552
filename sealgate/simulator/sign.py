"""Sign a request as a provider would, from nothing but its profile.

A profile, the sender's key and a draft flow in; the request that the profile will verify flows out,
with its signature in the header, the form or the JSON where it stands. It works for any profile,
also for one that was written this morning, because it reads the same declaration as the verifier
and puts the message together from the same parts; of several signatures it makes the first that
such a request can carry. Making
a signature is the sender's business: this is the only place in Sealgate that does.
"""

import base64
import hashlib
import hmac
from dataclasses import replace

from Crypto.Hash import keccak

from ingress.delivery import Rejected
from ingress.providers import Profile
from ingress.providers import signature as signs
from ingress.schemes.mac import Construction, Hash
from ingress.schemes.parts import lexemes, pointer
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.message import Pieces
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.scope import Covers, Scope
from ingress.schemes.parts.simple import CoveredHeaders, Field
from ingress.schemes.parts.view import View
from sealgate.simulator import jws, pairs
from sealgate.simulator.complete import Located, chosen, complete, roots, stamp
from sealgate.simulator.draft import CONTENT_TYPE, Draft, put
from sealgate.simulator.keys import SigningKey


def sign(profile: Profile, key: SigningKey, draft: Draft, now_ms: int, message_id: str) -> Draft:
    """Return the request that authenticates the draft, sent at `now_ms`.

    `message_id` is the value of every header and text that the profile signs and the draft lacks.
    Raises `ValueError` where the content has no room for what the provider puts into it.
    """
    draft = complete(profile, draft, now_ms, message_id, key.kid)
    said = chosen(profile, draft)
    match said:
        case signs.Unsigned():
            return draft
        case signs.Token():
            assert isinstance(key.material, bytes)
            return put(draft, said.place, said.prefix + key.material.decode())
        case signs.Jws():
            is_content = profile.is_token_content
            token = jws.token(said, key, draft.body, now_ms, is_content=is_content)
            carrier = replace(draft, body=b"{}") if is_content else draft
            return put(carrier, said.place, token)
    place = signature_place(said)
    # What is signed may be the body without its signature: there must be one to leave out.
    for under in roots(said, draft):
        draft = draft if place.kind is Kind.HEADER else put(draft, place, "", under)
    signed = draft
    for under, pieces in messages(profile, draft, now_ms):
        text = _text(profile, said, _signature(said, key, pieces), now_ms)
        signed = put(signed, place, text, under)
    return signed


def messages(profile: Profile, draft: Draft, now_ms: int) -> list[tuple[pointer.Tokens, Pieces]]:
    """Return what is signed of a completed draft: each message, and where its pointers begin.

    There are several only where every item of a list has a signature of its own, and none where
    nothing of the content is signed. Raises `ValueError` for a content that cannot be signed so.
    """
    said = chosen(profile, draft)
    if isinstance(said, signs.Jws):
        is_about_body = said.covers is Covers.BODY and not profile.is_token_content
        return [((), (draft.body,))] if is_about_body else []
    if not isinstance(said, Located):
        return []
    view = View(draft.delivery(now_ms))
    moment = stamp(profile.declaration.timed, now_ms)
    fields = {name.encode(): [text.encode()] for name, text in _fields(profile, said, moment)}
    found = []
    try:
        for under in roots(said, draft):
            root = lexemes.find(view.json, under) if under else None
            assert not isinstance(root, lexemes.Missing)
            scope = Scope(view, moment.encode(), fields, root)
            found.append((under, said.messages[0].render(scope)))
    except Rejected as rejected:
        raise ValueError(
            f"this provider could not sign such a request: {rejected.reason}"
        ) from None
    return found


def signature_place(said: signs.Signature) -> Place:
    """Return where the signature stands; of a family of headers, the first one."""
    assert not isinstance(said, signs.Unsigned)
    return said.place._replace(name=said.place.name.replace("*", "1"))


def _signature(said: Located, key: SigningKey, pieces: Pieces) -> bytes:
    if isinstance(said, signs.Mac):
        assert isinstance(key.material, bytes)
        if said.construction is Construction.HMAC:
            return hmac.digest(key.material, pieces[0], said.hash.value)
        return _digest(said.hash, key.material.join(pieces))
    assert not isinstance(key.material, bytes)
    message = hashlib.new(said.prehash, pieces[0]).digest() if said.prehash else pieces[0]
    return pairs.sign(key.material, message, said.hash)


def _digest(algorithm: Hash, message: bytes) -> bytes:
    if algorithm is Hash.KECCAK256:
        return keccak.new(digest_bits=256, data=message).digest()
    return hashlib.new(algorithm.value, message, usedforsecurity=False).digest()


def _text(profile: Profile, said: Located, signature: bytes, now_ms: int) -> str:
    """Write the signature as it stands in its place, with what stands beside it there."""
    is_hex = said.encoding is Encoding.HEX
    text = signature.hex() if is_hex else base64.b64encode(signature).decode()
    match said.parser:
        case signs.Plain():
            return said.parser.prefix + text
        case signs.Versioned():
            return f"{said.parser.version},{text}"
        case signs.KeyValue():
            moment = stamp(profile.declaration.timed, now_ms)
            fields = [*_fields(profile, said, moment), (said.parser.key, text)]
            return said.parser.separator.join(
                f"{name}{said.parser.assign}{value}" for name, value in fields
            )


def _fields(profile: Profile, said: Located, moment: str) -> list[tuple[str, str]]:
    """Return what stands beside the signature: the timestamp, and the names of signed headers."""
    timed = profile.declaration.timed
    found: dict[str, str] = {timed.field: moment} if timed is not None and timed.field else {}
    for part in said.messages[0].parts:
        if isinstance(part, CoveredHeaders):
            found[part.field.decode()] = CONTENT_TYPE
        elif isinstance(part, Field):
            found.setdefault(part.name.decode(), CONTENT_TYPE)
    return list(found.items())
