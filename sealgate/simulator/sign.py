"""Sign a body as a provider would, from nothing but its profile.

A profile, a key and a body flow in; the headers that the profile will verify flow out. It works for
any profile, also for one that was written this morning, because it reads the same declaration as
the verifier and shares no code with it. Making a signature is the sender's business: this is the
only place in Sealgate that does.
"""

import base64
import hmac

from ingress.providers import Profile
from ingress.providers import declaration as says
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.fresh import Unit
from ingress.schemes.parts.message import Kind, compile_message

_SECOND_MS = 1000


def sign(
    profile: Profile, *, secret: bytes, body: bytes, now_ms: int, message_id: str
) -> dict[str, str]:
    """Return the headers that authenticate `body`, sent at `now_ms`.

    `secret` is the key's material, as `Profile.key_material` decodes it. `message_id` is the value
    of every header that the profile signs beside the body.
    """
    signature = profile.declaration.signature
    timed = profile.declaration.timed
    stamp = _stamp(timed, now_ms)
    parts = {Kind.BODY: body, Kind.TIMESTAMP: stamp.encode(), Kind.HEADER: message_id.encode()}
    message = compile_message(signature.message)
    signed = b"".join(parts.get(part.kind, part.text) for part in message.parts)
    text = _text(signature.encoding, hmac.digest(secret, signed, signature.hash.value))
    headers = {name.decode(): message_id for name in message.header_names}
    if timed is not None and timed.header:
        headers[timed.header] = stamp
    headers[signature.header] = _header(signature.parser, text, timed, stamp)
    return headers


def _stamp(timed: says.Freshness | None, now_ms: int) -> str:
    if timed is None:
        return ""
    return str(now_ms if timed.unit is Unit.MILLISECONDS else now_ms // _SECOND_MS)


def _text(encoding: Encoding, digest: bytes) -> str:
    return digest.hex() if encoding is Encoding.HEX else base64.b64encode(digest).decode()


def _header(
    parser: says.Plain | says.KeyValue | says.Versioned,
    text: str,
    timed: says.Freshness | None,
    stamp: str,
) -> str:
    match parser:
        case says.Plain():
            return parser.prefix + text
        case says.KeyValue():
            field = [f"{timed.field}={stamp}"] if timed is not None and timed.field else []
            return parser.separator.join([*field, f"{parser.key}={text}"])
        case says.Versioned():
            return f"{parser.version},{text}"
