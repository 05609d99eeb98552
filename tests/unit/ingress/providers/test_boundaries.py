"""One signature over two readings: what was signed as one thing must not be taken for another.

Some providers join what they sign without saying where one part ends. Each test takes a delivery
that its sender signed, moves a boundary, prolongs the message or asks us to sign, and shows that
the signature alone would let it pass or never comes to be judged; and that it is refused.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from math import isqrt

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import load
from ingress.schemes.handshake import Reply
from ingress.schemes.parts.view import View
from tests.support.attacks import (
    BY_NAME,
    NOW_S,
    outgoing,
    profile,
    received,
    refusal,
    ring,
    sample,
    verify,
)
from tests.support.signers import Signer

# -- boundaries that no signature marks ---------------------------------------------------------


def _with(delivery: Delivery, name: bytes, change: Callable[[bytes], bytes]) -> Delivery:
    headers = tuple((key, change(text) if key == name else text) for key, text in delivery.headers)
    return replace(delivery, headers=headers)


def _v1_as_v0(good: Delivery) -> Delivery:
    """Call the strong signature the weak one; what it covers beside the body becomes body."""
    text = dict(good.headers)[b"x-hook0-signature"].decode()
    said = dict(part.split("=", 1) for part in text.split(","))
    values = b".".join(dict(good.headers)[name.encode()] for name in said["h"].split())
    weaker = f"t={said['t']},v0={said['v1']}".encode()
    body = b"%b.%b.%b" % (said["h"].encode(), values, good.body)
    return replace(_with(good, b"x-hook0-signature", lambda _: weaker), body=body)


def _body_in_covered_header(good: Delivery) -> Delivery:
    """Let the last covered header swallow the body up to its first dot."""
    names = re.search(rb",h=([^,]*)", dict(good.headers)[b"x-hook0-signature"])
    assert names
    taken, _, rest = good.body.partition(b".")
    longer = _with(good, names[1].split()[-1], lambda text: text + b"." + taken)
    return replace(longer, body=rest)


def _time_in_body(header: bytes) -> Callable[[Delivery], Delivery]:
    """Move the last letter of the timestamp into the body."""

    def shift(good: Delivery) -> Delivery:
        stamp = dict(good.headers)[header]
        return replace(_with(good, header, lambda text: text[:-1]), body=stamp[-1:] + good.body)

    return shift


def _body_in_query(good: Delivery) -> Delivery:
    """Let the query, which is called as anybody likes, swallow the beginning of the body."""
    cut = good.body.index(b":") + 1
    return replace(good, query=good.query + good.body[:cut], body=good.body[cut:])


def _queried(name: str) -> Delivery:
    """Receive the sample of a sender that was registered with a query."""
    signer = BY_NAME[name]
    out = outgoing(signer, url=signer.url.partition("?")[0] + "?a=1")
    return received(signer, signer.signs(out), url=out.url)


def _sample(name: str, body: bytes | None = None) -> Delivery:
    signer = BY_NAME[name]
    sent = sample(signer) if body is None else signer.send(signer.old, body, NOW_S)
    return received(signer, sent)


SHIFTS = [
    ("coinbase_cdp", _sample("coinbase_cdp"), _v1_as_v0),
    ("coinbase_cdp", _sample("coinbase_cdp", b'{"a":"b.c"}'), _body_in_covered_header),
    ("quicknode", _sample("quicknode"), _time_in_body(b"x-qn-timestamp")),
    (
        "zendesk",
        _sample("zendesk"),
        _time_in_body(b"x-zendesk-webhook-signature-timestamp"),
    ),
    ("square", _queried("square"), _body_in_query),
    ("hubspot_v2", _queried("hubspot_v2"), _body_in_query),
    ("hubspot_v3", _queried("hubspot_v3"), _body_in_query),
]


@pytest.mark.parametrize(("name", "good", "shift"), SHIFTS)
def test_a_body_that_was_cut_or_glued_is_refused_behind_its_signature(
    name: str, good: Delivery, shift: Callable[[Delivery], Delivery]
) -> None:
    """The signature holds for both; only that a body is a whole JSON text tells them apart.

    No end of a JSON text is one itself, and none begins with a letter of a time.
    """
    signer = BY_NAME[name]
    assert verify(signer, good) == 0
    profile(signer).check_content(good)
    shifted = shift(good)
    assert shifted.body != good.body
    assert profile(signer).verify(shifted, ring(signer)) == 0
    with pytest.raises(Rejected) as refused:
        profile(signer).check_content(shifted)
    assert refused.value.reason is Reason.BODY_MALFORMED


@pytest.mark.parametrize(
    "body", [b"", b"1", b'"a"', b"null", b"{} {}", b"{}x", b"\xff", b"[", b"}"]
)
def test_only_an_object_or_a_list_is_content(body: bytes) -> None:
    """A number behind a timestamp would be the timestamp's last digits."""
    with pytest.raises(Rejected) as refused:
        load("zendesk").check_content(Delivery("shop", "POST", b"", (), body, 0))
    assert refused.value.reason is Reason.BODY_MALFORMED


@pytest.mark.parametrize("body", [b"{}", b"[]", b' [{"a":1}]\n'])
def test_an_object_and_a_list_are_content(body: bytes) -> None:
    """HubSpot sends lists, and what a blank does to a signature is the signature's business."""
    load("zendesk").check_content(Delivery("shop", "POST", b"", (), body, 0))


@pytest.mark.parametrize("name", ["stripe", "kobbopay", "twilio", "cryptapi"])
def test_where_the_parts_have_ends_any_body_is_content(name: str) -> None:
    """Attack 23: a body that nobody can read is published all the same."""
    load(name).check_content(Delivery("shop", "POST", b"", (), b"\xff", 0))


def test_the_called_url_of_cryptapi_is_no_body() -> None:
    """A GET signs its URL, a POST its body: sent as a body, the URL would be another event."""
    signer = BY_NAME["cryptapi calling by GET"]
    good = received(signer, sample(signer))
    assert verify(signer, good) == 0
    url = good.url.partition("?")[0].encode() + b"?" + good.query
    forged = replace(good, method="POST", body=url, query=b"")
    assert refusal(signer, forged) is Reason.BODY_MALFORMED


def test_the_query_of_moonpay_is_no_body() -> None:
    """A GET signs its query with the question mark; as a body it would be another event."""
    signer = BY_NAME["moonpay calling by GET"]
    good = received(signer, sample(signer))
    assert verify(signer, good) == 0
    profile(signer).check_content(good)
    forged = replace(good, method="POST", body=b"?" + good.query, query=b"")
    assert verify(signer, forged) == 0
    with pytest.raises(Rejected):
        profile(signer).check_content(forged)


def test_the_lines_of_sns_are_not_split_anew() -> None:
    """A message that holds the names of the other lines must not become those lines."""
    signer = BY_NAME["aws_sns"]
    said = json.loads(signer.body) | {"MessageId": "1", "Message": "paid\nMessageId\n2"}
    good = received(signer, signer.send(signer.old, json.dumps(said).encode(), NOW_S))
    assert verify(signer, good) == 0
    # The same lines: the message ends earlier, and the id holds what stood behind.
    forged = json.loads(good.body) | {"Message": "paid", "MessageId": "2\nMessageId\n1"}
    delivery = replace(good, body=json.dumps(forged).encode())
    assert refusal(signer, delivery) is Reason.BODY_MALFORMED


# -- what we sign for anybody -------------------------------------------------------------------


def test_what_braintrees_handshake_signs_is_no_notification() -> None:
    """Anybody may have a challenge signed: sent back as a payload it would be a payment's news."""
    signer = BY_NAME["braintree"]
    found = profile(signer)
    challenge = "20f9f8ed05f77439fe955c977e4c8a53"
    asked = replace(
        received(signer, sample(signer)),
        method="GET",
        query=f"bt_challenge={challenge}".encode(),
        body=b"",
    )
    handshake = found.handshake(asked, verified=False)
    assert handshake is not None
    reply = handshake.answer(View(asked), [], ring(signer))
    assert isinstance(reply, Reply)
    signature = reply.body.decode().replace("|", "%7C")
    for payload in (challenge, challenge[:-1] + "%0A"):
        body = f"bt_signature={signature}&bt_payload={payload}".encode()
        forged = replace(asked, method="POST", query=b"", body=body)
        assert refusal(signer, forged) is Reason.VERSION_UNSUPPORTED
    # A notification, being longer, still passes.
    assert verify(signer, received(signer, sample(signer))) == 0


# -- a hash with the secret in front can be carried on ------------------------------------------

_WORD = 0xFFFFFFFF


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found if prime <= isqrt(number)):
            found.append(number)
        number += 1
    return found


def _cube_root_bits(number: int) -> int:
    """Return the first 32 bits of the fraction of a cube root."""
    low, high = 0, number << 96
    while low < high:
        middle = (low + high + 1) // 2
        if middle**3 <= number << 96:
            low = middle
        else:
            high = middle - 1
    return low & _WORD


_ROUNDS = [_cube_root_bits(prime) for prime in _primes(64)]


def _turned(word: int, by: int) -> int:
    return (word >> by | word << 32 - by) & _WORD


def _compressed(state: list[int], block: bytes) -> list[int]:
    """Do one step of SHA-256 (FIPS 180-4, 6.2.2), from any state."""
    words = [int.from_bytes(block[at : at + 4]) for at in range(0, 64, 4)]
    for at in range(16, 64):
        w15, w2 = words[at - 15], words[at - 2]
        s0 = _turned(w15, 7) ^ _turned(w15, 18) ^ w15 >> 3
        s1 = _turned(w2, 17) ^ _turned(w2, 19) ^ w2 >> 10
        words.append((words[at - 16] + s0 + words[at - 7] + s1) & _WORD)
    a, b, c, d, e, f, g, h = state
    for constant, word in zip(_ROUNDS, words, strict=True):
        s1 = _turned(e, 6) ^ _turned(e, 11) ^ _turned(e, 25)
        one = h + s1 + (e & f ^ ~e & g) + constant + word
        s0 = _turned(a, 2) ^ _turned(a, 13) ^ _turned(a, 22)
        two = s0 + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = one + two & _WORD, a, b, c, d + one & _WORD, e, f, g
    return [x + y & _WORD for x, y in zip(state, (a, b, c, d, e, f, g, h), strict=True)]


def _padding(length: int) -> bytes:
    return b"\x80" + bytes((55 - length) % 64) + (length * 8).to_bytes(8)


def _carried_on(digest: str, length: int, more: bytes) -> tuple[bytes, str]:
    """Return what to append to `length` unknown bytes of this digest, and the digest of it all."""
    state = [int(digest[at : at + 8], 16) for at in range(0, 64, 8)]
    glue = _padding(length)
    blocks = more + _padding(length + len(glue) + len(more))
    for at in range(0, len(blocks), 64):
        state = _compressed(state, blocks[at : at + 64])
    return glue + more, "".join(f"{word:08x}" for word in state)


def _called(signer: Signer) -> bytes:
    """Return what HubSpot hashes between the secret and the body."""
    return b"" if signer.provider == "hubspot_v1" else f"{signer.method}{signer.url}".encode()


@pytest.mark.parametrize("name", ["hubspot_v1", "hubspot_v2"])
def test_a_hash_that_was_carried_on_is_no_signature(name: str) -> None:
    """Whoever saw one delivery can compute the right hash of a longer one, without the secret."""
    signer = BY_NAME[name]
    good = received(signer, sample(signer))
    digest = dict(good.headers)[b"x-hubspot-signature"].decode()
    length = len(signer.old) + len(_called(signer)) + len(good.body)
    appended, forged = _carried_on(digest, length, b'[{"eventId":2}]')
    body = good.body + appended
    # The extension itself is right: this is the plain hash of the longer message.
    assert hashlib.sha256(signer.old + _called(signer) + body).hexdigest() == forged
    longer = replace(_with(good, b"x-hubspot-signature", lambda _: forged.encode()), body=body)
    assert refusal(signer, longer) is Reason.SIGNATURE_MISMATCH
