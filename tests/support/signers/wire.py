"""Find, respell and take out the signature and the timestamp of a delivery, wherever they stand.

An attacker's tools: they know places and texts, and nothing of secrets.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import cast
from urllib.parse import quote_from_bytes, unquote_to_bytes

from tests.support.signers.json_text import b64url, compact, unb64url
from tests.support.signers.shape import Change, Sent, Signer

ENDS = re.compile(rb"[,; &]")


def signature(signer: Signer, sent: Sent) -> bytes:
    """Read the bare signature: what stands behind the last prefix, up to the next separator."""
    whole = _whole(signer.place, sent)
    behind = whole[whole.rindex(signer.prefix) + len(signer.prefix) :] if signer.prefix else whole
    return ENDS.split(behind, maxsplit=1)[0]


def respelt(signer: Signer, sent: Sent, change: Change) -> Sent:
    """Write the bare signature otherwise, and leave all else as it is."""
    text = signature(signer, sent)

    def last(whole: bytes) -> bytes:
        head, tail = whole[: (at := whole.rindex(text))], whole[at + len(text) :]
        return head + change(text) + tail

    return _changed(signer.place, sent, last)


def without_signature(signer: Signer, sent: Sent) -> Sent:
    """Take the header, member or field of the signature out."""
    return _without(signer.place, sent)


def stamp(signer: Signer, sent: Sent) -> bytes:
    """Read the text of the timestamp."""
    kind, _, name = signer.stamp_place.partition(":")
    if kind == "member":
        found = _member(name).search(_whole(signer.place, sent))
        assert found is not None
        return found[2]
    if kind == "claim":
        return str(_claims(signer, sent)[name]).encode()
    return _whole(signer.stamp_place, sent)


def restamped(signer: Signer, sent: Sent, text: bytes) -> Sent:
    """Write another text for the timestamp, under the signature of the old one."""
    kind, _, name = signer.stamp_place.partition(":")
    if kind == "member":
        return _changed(
            signer.place, sent, lambda whole: _member(name).sub(rb"\g<1>" + text, whole, count=1)
        )
    if kind == "claim":
        claims = _claims(signer, sent) | {name: "?"}
        said = compact(claims).replace(b'"?"', text)

        def other(whole: bytes) -> bytes:
            head, _, tail = whole.split(b".")
            return b".".join((head, b64url(said), tail))

        return _changed(signer.place, sent, other)
    return _changed(signer.stamp_place, sent, lambda _: text)


def without_stamp(signer: Signer, sent: Sent) -> Sent:
    """Take the timestamp out."""
    kind, _, name = signer.stamp_place.partition(":")
    if kind == "member":
        return _changed(signer.place, sent, lambda whole: _member(name, rb"[,; ]*").sub(b"", whole))
    if kind == "claim":
        claims = _claims(signer, sent)
        del claims[name]

        def other(whole: bytes) -> bytes:
            head, _, tail = whole.split(b".")
            return b".".join((head, b64url(compact(claims)), tail))

        return _changed(signer.place, sent, other)
    return _without(signer.stamp_place, sent)


def with_header(sent: Sent, name: bytes, change: Callable[[bytes], bytes]) -> Sent:
    """Change the value of one header."""
    headers = tuple((key, change(value) if key == name else value) for key, value in sent.headers)
    return replace(sent, headers=headers)


def _member(name: str, end: bytes = b"") -> re.Pattern[bytes]:
    """Match ``name value`` of a header like ``t=1,v1=2``, where the name includes its sign."""
    return re.compile(rb"((?:^|[,; ])%s)([^,; ]*)%s" % (re.escape(name.encode()), end))


def _claims(signer: Signer, sent: Sent) -> dict[str, object]:
    claims = json.loads(unb64url(_whole(signer.place, sent).split(b".")[1]))
    return cast("dict[str, object]", claims)


def _field(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?:(?<=^)|(?<=[&?]))%s=([^&]*)" % re.escape(name.encode()))


def _json_value(name: str, body: bytes) -> bytes:
    value = json.loads(body)
    for step in name.strip("/").split("/"):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return str(value).encode()


def _whole(place: str, sent: Sent) -> bytes:
    """Read the whole text that stands at a place."""
    kind, _, name = place.partition(":")
    if kind == "header":
        return dict(sent.headers)[name.encode()]
    if kind == "json":
        return _json_value(name, sent.body)
    found = _field(name).search(sent.body if kind == "form" else sent.url.encode())
    assert found is not None
    return unquote_to_bytes(found[1].replace(b"+", b" "))


def _changed(place: str, sent: Sent, change: Change) -> Sent:
    """Write another text at a place."""
    kind, _, name = place.partition(":")
    old = _whole(place, sent)
    new = change(old)
    if kind == "header":
        return with_header(sent, name.encode(), lambda _: new)
    if kind == "json":
        return replace(sent, body=_once(sent.body, old, new))
    text = name.encode() + b"=" + quote_from_bytes(new, safe="").encode()
    if kind == "form":
        return replace(sent, body=_field(name).sub(lambda _: text, sent.body))
    return replace(sent, url=_field(name).sub(lambda _: text, sent.url.encode()).decode())


def _without(place: str, sent: Sent) -> Sent:
    kind, _, name = place.partition(":")
    if kind == "header":
        kept = tuple(item for item in sent.headers if item[0] != name.encode())
        return replace(sent, headers=kept)
    if kind == "json":
        last = name.rsplit("/", 1)[-1].encode()
        old = re.escape(_json_value(name, sent.body))
        member = re.compile(rb'(,\s*)?"%s"\s*:\s*"?%s"?(?(1)|,?)' % (re.escape(last), old))
        found = member.findall(sent.body)
        assert len(found) == 1, found
        return replace(sent, body=member.sub(b"", sent.body))
    if kind == "form":
        return replace(sent, body=_field(name).sub(b"", sent.body).strip(b"&"))
    url = _field(name).sub(b"", sent.url.encode()).decode().replace("?&", "?").replace("&&", "&")
    return replace(sent, url=url.rstrip("&?"))


def _once(body: bytes, old: bytes, new: bytes) -> bytes:
    assert body.count(old) == 1, (body, old)
    return body.replace(old, new)
