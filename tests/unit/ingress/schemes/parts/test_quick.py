"""The short way to a proof says what the long way says, of whatever somebody sends."""

import base64
import hmac
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress import providers
from ingress.delivery import Delivery, Rejected
from ingress.schemes.mac import Mac
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.message import compile_message
from ingress.schemes.parts.parsers import Named, Parser, Plain, Versions
from ingress.schemes.parts.places import parse
from ingress.schemes.parts.quick import quick
from ingress.schemes.parts.statement import Condition, Stamp, Statement
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.parts.view import View
from ingress.schemes.verifier import Alternatives

NOW_MS = 1_760_000_000_000
SECRETS = (b"whsec_" + base64.b64encode(b"one key of some length, twice"), b"whsec_" + b"QUJD" * 9)
BODY = b'{"id":"evt_1","type":"payment.paid"}'
PLAIN = Statement(
    at=parse("header:x-signature"),
    parser=Plain(),
    encoding=Encoding.HEX,
    messages=(compile_message("{body}"),),
    digest_bytes=32,
)
Headers = tuple[tuple[bytes, bytes], ...]


def _hex(key: Key, message: bytes) -> bytes:
    assert isinstance(key.material, bytes)
    return hmac.digest(key.material, message, "sha256").hex().encode()


def _base64(key: Key, message: bytes) -> bytes:
    return base64.b64encode(bytes.fromhex(_hex(key, message).decode()))


# As each provider documents it, and not as a profile says it.
SIGNED: dict[str, Callable[[Key, bytes, bytes], Headers]] = {
    "stripe": lambda key, at, body: (
        (b"stripe-signature", b"t=%b,v1=%b" % (at, _hex(key, at + b"." + body))),
    ),
    "btcpay": lambda key, _, body: ((b"btcpay-sig", b"sha256=" + _hex(key, body)),),
    "shopify": lambda key, _, body: ((b"x-shopify-hmac-sha256", _base64(key, body)),),
    "slack": lambda key, at, body: (
        (b"x-slack-request-timestamp", at),
        (b"x-slack-signature", b"v0=" + _hex(key, b"v0:%b:%b" % (at, body))),
    ),
    "standard_webhooks": lambda key, at, body: (
        (b"webhook-id", b"msg_1"),
        (b"webhook-timestamp", at),
        (b"webhook-signature", b"v1," + _base64(key, b"msg_1.%b.%b" % (at, body))),
    ),
    "paddle": lambda key, at, body: (
        (b"paddle-signature", b"ts=%b;h1=%b" % (at, _hex(key, at + b":" + body))),
    ),
}


def _mac(provider: str) -> Mac:
    found = providers.load(provider).verifier
    if isinstance(found, Alternatives):
        found = found.verifiers[0]
    assert isinstance(found, Mac)
    return found


def _delivery(headers: Headers, body: bytes) -> Delivery:
    """Make a delivery that nobody has read yet."""
    return Delivery("shop", "POST", b"", headers, body, NOW_MS)


def _told(judge: Callable[[], object]) -> object:
    """Return what is answered: the index of the key, or the reason."""
    try:
        return judge()
    except Rejected as rejected:
        return rejected.reason


@st.composite
def _texts(draw: st.DrawFn, text: bytes) -> bytes:
    """Spoil a header's value here and there, or leave it."""
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        change = draw(st.sampled_from(["in", "out", "case", "end", "again", "cut", "turn"]))
        piece = draw(st.sampled_from([b"=", b",", b";", b" ", b"\t", b"0", b"+", b"v0=", b"\xe9"]))
        text = {
            "in": text[:at] + piece + text[at:],
            "out": text[:at] + text[at + 1 :],
            "case": text[:at] + text[at:].upper(),
            "end": text + piece,
            "again": text + b"," + text,
            "cut": text[:at],
            "turn": b",".join(reversed(text.split(b","))),
        }[change]
    return text


@st.composite
def _headers(draw: st.DrawFn, headers: Headers) -> Headers:
    """Spoil values, leave headers out, or send them twice."""
    made: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
    for name, text in headers:
        values = [draw(_texts(text)) for _ in range(draw(st.sampled_from([1, 1, 1, 1, 0, 2])))]
        made += [(name, value) for value in values]
    return tuple(draw(st.permutations(made)))


@pytest.mark.parametrize("provider", SIGNED)
def test_a_plain_delivery_goes_the_short_way(provider: str) -> None:
    """Otherwise the tests below would compare the long way with itself."""
    mac = _mac(provider)
    key = mac.key(SECRETS[0])
    headers = SIGNED[provider](key, b"1760000000", BODY)
    delivery = _delivery(headers, BODY)
    assert mac.quick is not None
    assert mac.quick.read(View.of(delivery)) is not None
    assert mac.quick.passes(headers) is (provider != "standard_webhooks")
    assert mac.verify(delivery, (mac.key(SECRETS[1]), key)) == 1


@pytest.mark.parametrize("provider", SIGNED)
@given(data=st.data())
def test_both_ways_answer_alike(provider: str, data: st.DataObject) -> None:
    """A delivery that is judged otherwise for being plain would be a hole, or lost money."""
    mac = _mac(provider)
    keys = [mac.key(secret) for secret in SECRETS]
    at = data.draw(st.sampled_from([b"1760000000", b"1759999700", b"1759999699", b"1760000301"]))
    signed = SIGNED[provider](data.draw(st.sampled_from(keys)), at, BODY)
    headers = data.draw(_headers(signed))
    body = data.draw(st.sampled_from([BODY, BODY, BODY + b" ", b""]))
    tried = data.draw(st.sampled_from([keys, keys[:1], keys[1:], [keys[0], *keys], []]))
    short, long = _delivery(headers, body), _delivery(headers, body)
    answer = _told(lambda: mac.verify(short, tried))
    assert answer == _told(lambda: Verifier.verify(mac, long, tried))
    assert _told(lambda: mac.precheck(headers)) == _told(lambda: mac.statement.precheck(headers))
    assert _told(lambda: mac.claimed_ms(short)) == _told(lambda: mac.claimed_ms(long))


@pytest.mark.parametrize(
    "parser",
    [
        Named(separator=b"a", key=b"v1"),
        Named(separator=b",", key=b"v=1"),
        Named(separator=b",", key=b"v,1"),
        Named(separator=b"=", key=b"v1"),
        Named(separator=b",", key=b"t"),
        Versions(separator=b"/", version=b"v1"),
        Versions(separator=b" ", version=b"v,1"),
        Plain(),
    ],
    ids=str,
)
def test_a_text_that_can_be_read_in_two_ways_goes_the_long_way(parser: Parser) -> None:
    """What takes a text apart may stand within it, or its timestamp in no field of it."""
    stamp = Stamp(Freshness(Unit.SECONDS, 300), field=b"t")
    assert quick(replace(PLAIN, parser=parser, stamp=stamp)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"digest_bytes": None},
        {"messages": (compile_message("{body}"), compile_message("{url}{body}"))},
        {"messages": (compile_message("{secret}{body}"),)},
        {"messages": (compile_message("{json:/id}"),)},
        {"at": parse("/signature")},
        {"each": ("items",)},
        {"repeated": True},
        {"when": (Condition(parse("header:x-version"), equals=b"2"),)},
        {"body_digest": parse("header:x-digest")},
        {"stamp": Stamp(Freshness(Unit.ISO, 300), place=parse("header:x-time"))},
        {"stamp": Stamp(Freshness(Unit.SECONDS, 300), place=parse("/at"))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_not_plain_goes_the_long_way(change: dict[str, object]) -> None:
    """Whatever a profile asks for beyond one signature over one message is asked for."""
    assert quick(PLAIN) is not None
    assert quick(replace(PLAIN, **change)) is None
