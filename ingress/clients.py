"""Whose delivery it is: the client's own address, also behind proxies, and its certificate's names.

A peer and the header fields flow in, and an address flows out. What a header says is believed only
as far as each link that vouches for it is a proxy named in the configuration: read from the right,
where the nearest proxy wrote, over every trusted hop, to the first address that is none of ours. So
whatever a client writes stands to the left of where reading ends. Only the address is taken from
there: never a scheme or a host, for signatures are judged by the registered URL. Pure.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ingress.networks import Address, Networks, canonical, read_address

FORWARDED = b"forwarded"
# Of what is forwarded only the right end counts: nobody has more proxies of their own in a row.
FORWARDED_BYTES_MAX = 2048
HOPS_MAX = 16
_CUT = "cut "

Fields = Sequence[tuple[bytes, bytes]]
Certificate = Mapping[str, object]
"""A verified certificate, as `ssl.SSLSocket.getpeercert` tells of it."""

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110, 5.6.2
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*"'
_PAIR = re.compile(rf"[ \t]*({_WORD})=({_WORD}|{_QUOTED})[ \t]*(?:;|\Z)")
_ESCAPED = re.compile(r"\\(.)")
# RFC 7239, 6: IPv4, or IPv6 in brackets, and a port that may be a word.
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?")
_BARE_V6 = re.compile(r"[0-9A-Fa-f:.]+")
_EXACT_KINDS = frozenset({"URI", "email"})


@dataclass(frozen=True, slots=True)
class Clients:
    """Tells a client's address: by `header`, as far as `trusted` proxies vouch for it."""

    trusted: Networks
    header: bytes

    def address(self, peer: str, headers: Fields) -> str:
        """Return the client's address; where nothing else can be believed, the peer's own."""
        if not self.trusted:
            return canonical(peer)
        near = read_address(peer)
        if near is None or near not in self.trusted:
            return canonical(peer)
        hop: Address = near
        for text in self._hops(headers):
            found = _forwarded(text) if self.header == FORWARDED else node(text)
            if found is None:
                # A proxy that hides its client, or none that speaks this header.
                return canonical(peer)
            hop = found
            if hop not in self.trusted:
                break
        return str(hop)

    def _hops(self, headers: Fields) -> Iterator[str]:
        """Take what was forwarded apart, the nearest hop first."""
        found = [value for name, value in headers if name == self.header]
        if not found:
            return
        whole = b",".join(found)
        text = whole[-FORWARDED_BYTES_MAX:].decode("latin-1")
        if len(whole) > FORWARDED_BYTES_MAX:
            # The end of an address that was cut off could be another address.
            text = _CUT + text
        split = _split_quoted if self.header == FORWARDED else _split
        yield from islice(split(text), HOPS_MAX)


def _split(text: str) -> Iterator[str]:
    return (part.strip(" \t") for part in reversed(text.split(",")))


def _split_quoted(text: str) -> Iterator[str]:
    """Split at commas outside of quotes, counted from the right.

    Counted from the left, a quote that a client left open would swallow what a proxy wrote behind
    it. From the right it is the other way round: each proxy closes its own quotes.
    """
    end = len(text)
    is_quoted = False
    for at in range(len(text) - 1, -1, -1):
        if text[at] == '"' and not _is_escaped(text, at):
            is_quoted = not is_quoted
        elif text[at] == "," and not is_quoted:
            yield text[at + 1 : end].strip(" \t")
            end = at
    yield text[:end].strip(" \t")


def _is_escaped(text: str, at: int) -> bool:
    before = text[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _forwarded(element: str) -> Address | None:
    """Read the client of one element of ``Forwarded`` (RFC 7239); None where it tells none."""
    at = 0
    told: list[str] = []
    while at < len(element):
        pair = _PAIR.match(element, at)
        if pair is None:
            return None
        if pair[1].lower() == "for":
            told.append(_unquoted(pair[2]))
        at = pair.end()
    return node(told[0], is_strict=True) if len(told) == 1 else None


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def node(text: str, *, is_strict: bool = False) -> Address | None:
    """Read an address with or without a port; None for anything else, a hidden one too.

    ``X-Forwarded-For`` was never specified: there, IPv6 stands without brackets as a rule.
    """
    whole = _NODE.fullmatch(text)
    if whole is not None:
        return read_address(whole[1] or whole[2])
    if not is_strict and _BARE_V6.fullmatch(text):
        return read_address(text)
    return None


def bears(certificate: Certificate | None, wanted: Collection[str]) -> bool:
    """Say whether a verified client certificate bears one of the names wanted; none bears none.

    Host names compare without case. The common name counts only where there are no alternative
    names: RFC 9525 forbids it, and private authorities still issue such certificates.
    """
    if not certificate:
        return False
    hosts = {name.lower() for name in wanted}
    alternatives = certificate.get("subjectAltName")
    if isinstance(alternatives, tuple):
        return any(
            (kind == "DNS" and value.lower() in hosts) or (kind in _EXACT_KINDS and value in wanted)
            for kind, value in alternatives
        )
    subject = certificate.get("subject")
    return any(
        kind == "commonName" and value.lower() in hosts
        for part in (subject if isinstance(subject, tuple) else ())
        for kind, value in part
    )
