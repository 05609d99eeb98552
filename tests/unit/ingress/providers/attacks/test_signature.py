"""Signatures that are missing, empty, guessed, doubled or listed: attacks 1, 2, 3 and 6."""

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest

from ingress.delivery import Reason
from tests.support.attacks import (
    NOW_S,
    SENDERS,
    UNREADABLE,
    against,
    in_header,
    is_token,
    proves,
    received,
    refused_for,
    sample,
    signs,
    verify,
)
from tests.support.signers import Sent, Signer, wire
from tests.support.signers.json_text import b64url, unb64url
from tests.support.turns import in_turn

FORGED = {Reason.SIGNATURE_MISMATCH}
DOUBLED = {Reason.HEADER_DUPLICATED}

DECODE: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda text: bytes.fromhex(text.decode()),
    "base64": base64.b64decode,
    "base64url": unb64url,
}
ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda raw: raw.hex().encode(),
    "base64": base64.b64encode,
    "base64url": b64url,
}


def _bits(signer: Signer, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Change a signature's bytes, and spell the result as the scheme does."""
    return lambda text: ENCODE[signer.encoding](change(DECODE[signer.encoding](text)))


def _flip(at: int) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        where = at % len(raw)
        return raw[:where] + bytes([raw[where] ^ 1]) + raw[where + 1 :]

    return change


def _single(signer: Signer) -> bool:
    return in_header(signer) and not signer.repeats


@pytest.mark.parametrize("signer", SENDERS, ids=str)
def test_what_the_provider_sends_is_accepted(signer: Signer) -> None:
    """Everything below would pass on a verifier that refuses all; this one would not."""
    assert verify(signer, received(signer, sample(signer))) == 0


@against(proves, profiles=84)
def test_without_its_proof_a_delivery_is_refused(signer: Signer) -> None:
    """Attack 1: header, member or field is stripped."""
    reasons = {Reason.HEADER_MISSING} | (set() if in_header(signer) else UNREADABLE)
    refused_for(signer, wire.without_signature(signer, sample(signer)), reasons)


@against(in_header, profiles=73)
@in_turn("value", [b"", b" ", b"\t", b",", b"=", b";", b".", b"..", b"\x00", b"v1="])
def test_an_empty_proof_is_refused(signer: Signer, value: bytes) -> None:
    """Attack 1: the header is there and says nothing."""
    sent = wire.with_header(sample(signer), signer.header, lambda _: value)
    reasons = UNREADABLE | {Reason.TIMESTAMP_MISSING}
    refused_for(signer, sent, reasons | FORGED if is_token(signer) else reasons)


@against(signs, profiles=75)
def test_an_empty_signature_behind_its_prefix_is_refused(signer: Signer) -> None:
    """Attack 1: the place is there, well formed, and holds nothing."""
    refused_for(signer, wire.respelt(signer, sample(signer), lambda _: b""), UNREADABLE)


@against(signs, profiles=75)
@in_turn("length", [1, 16, 20, 28, 31, 33, 48, 63, 65, 256])
def test_a_guess_of_any_length_is_refused(signer: Signer, length: int) -> None:
    """Attack 2: truncated, padded or of a weaker hash, a text of zeros is nobody's signature."""
    guess = ENCODE[signer.encoding](bytes(length))
    sent = wire.respelt(signer, sample(signer), lambda _: guess)
    refused_for(signer, sent, UNREADABLE | FORGED)


@against(signs, profiles=75)
@in_turn("at", [0, 7, -1])
def test_one_wrong_bit_is_refused(signer: Signer, at: int) -> None:
    """Every byte of a signature is compared: the first, the last, and those between."""
    sent = wire.respelt(signer, sample(signer), _bits(signer, _flip(at)))
    refused_for(signer, sent, FORGED)


@against(signs, profiles=75)
def test_a_prefix_of_the_signature_is_refused(signer: Signer) -> None:
    """A comparison that stops at the shorter text would accept the first half."""
    sent = wire.respelt(signer, sample(signer), _bits(signer, lambda raw: raw[: len(raw) // 2]))
    refused_for(signer, sent, UNREADABLE | FORGED)


@against(signs, profiles=75)
@in_turn(
    "junk",
    [
        b"\xff\xfe",
        "\uff41\uff11".encode(),
        b"\xc3\x28",
        b"\x80" * 64,
        b"\xe2\x80\xae",
        b"a" * 100_000,
    ],
    ids=["bytes", "full width", "cut short", "many", "bidi", "huge"],
)
def test_a_signature_of_odd_text_is_refused(signer: Signer, junk: bytes) -> None:
    """Attack 6: comparing such text raises in Python, and an error would make the sender retry."""
    sent = wire.respelt(signer, sample(signer), lambda _: junk)
    refused_for(signer, sent, UNREADABLE | FORGED if junk.isascii() else UNREADABLE)


@against(is_token, profiles=9)
@in_turn(
    "guess",
    [
        lambda token: token[:-1],
        lambda token: token + b"0",
        bytes.swapcase,
        lambda token: token[:-1] + b"\xff",
        lambda token: b"x" * len(token),
        lambda token: b"\xe2\x80\x8b" + token,
    ],
)
def test_a_token_that_is_almost_right_is_refused(
    signer: Signer, guess: Callable[[bytes], bytes]
) -> None:
    """A token is compared whole, as bytes, in one case."""
    refused_for(signer, wire.respelt(signer, sample(signer), guess), FORGED | UNREADABLE)


def _evil(signer: Signer) -> bytes:
    """Return the header of a delivery that somebody else's key signed."""
    return dict(signer.sample(NOW_S, signer.new).headers)[signer.header]


def _both(sent: Sent, header: bytes, value: bytes, *, good_first: bool) -> Sent:
    more = ((header, value),)
    return replace(sent, headers=sent.headers + more if good_first else more + sent.headers)


@against(_single, profiles=71)
@in_turn("good_first", [True, False])
def test_a_second_signature_header_is_refused(signer: Signer, good_first: bool) -> None:
    """Attack 3: of two headers, another reader may believe the other."""
    sent = _both(sample(signer), signer.header, _evil(signer), good_first=good_first)
    refused_for(signer, sent, DOUBLED)


@against(_single, profiles=71)
def test_the_same_signature_header_twice_is_refused(signer: Signer) -> None:
    """Attack 3: even of equals; a proxy that joins them would make another text."""
    sent = sample(signer)
    value = dict(sent.headers)[signer.header]
    refused_for(signer, _both(sent, signer.header, value, good_first=True), DOUBLED)


@against(lambda signer: signer.repeats, profiles=2)
@pytest.mark.parametrize("good_first", [True, False])
def test_where_the_scheme_repeats_its_header_either_may_hold(
    signer: Signer, good_first: bool
) -> None:
    """Attack 3: a provider with several keys signs with each; one of them is ours."""
    sent = _both(sample(signer), signer.header, _evil(signer), good_first=good_first)
    assert verify(signer, received(signer, sent)) == 0


@against(lambda signer: signer.repeats, profiles=2)
def test_a_header_repeated_too_often_is_refused(signer: Signer) -> None:
    """Attack 3: a pile of guesses would multiply the work and the forger's chances."""
    sent = sample(signer)
    sent = replace(sent, headers=sent.headers + ((signer.header, _evil(signer)),) * 5)
    refused_for(signer, sent, {Reason.HEADER_MALFORMED})


def _lists_nothing(signer: Signer) -> bool:
    """Say whether the header is one text; a list of names and values may name one twice."""
    in_list = signer.stamp_place.startswith("member:")
    return in_header(signer) and not signer.joint and not in_list


@against(_lists_nothing, profiles=60)
@in_turn("good_first", [True, False])
@in_turn("joint", [b",", b", ", b" ", b";"])
def test_a_list_in_a_header_of_one_is_refused(
    signer: Signer, joint: bytes, good_first: bool
) -> None:
    """Attack 3: proxies join equal headers with commas; no part of the list may be believed."""
    sent, evil = sample(signer), _evil(signer)
    sent = wire.with_header(
        sent, signer.header, lambda good: joint.join((good, evil) if good_first else (evil, good))
    )
    refused_for(signer, sent, UNREADABLE | (FORGED if not signs(signer) else set()))


def _more(signer: Signer) -> bytes:
    """Return what stands between two signatures of our version."""
    return signer.joint[:1] + signer.prefix


@against(lambda signer: bool(signer.joint), profiles=9)
@pytest.mark.parametrize("good_first", [True, False])
def test_where_the_scheme_lists_signatures_any_may_hold(signer: Signer, good_first: bool) -> None:
    """Attack 3: during a rotation the provider sends one signature for each secret."""
    sent = sample(signer)
    evil = wire.signature(signer, signer.sample(NOW_S, signer.new))
    if good_first:
        listed = wire.respelt(signer, sent, lambda good: good + _more(signer) + evil)
    else:
        listed = wire.respelt(signer, sent, lambda good: evil + _more(signer) + good)
    assert verify(signer, received(signer, listed)) == 0


@against(lambda signer: bool(signer.joint), profiles=9)
def test_a_list_longer_than_the_bound_is_refused(signer: Signer) -> None:
    """Attack 3: a list of guesses would multiply the work and the forger's chances."""
    sent = wire.respelt(signer, sample(signer), lambda good: good + (_more(signer) + good) * 5)
    refused_for(signer, sent, UNREADABLE)


def _twice(signer: Signer, sent: Sent) -> Sent:
    """Say the member, field or parameter of the proof twice: first ours, then the provider's."""
    kind, _, name = signer.place.partition(":")
    if kind == "query":
        return replace(sent, url=sent.url.replace("?", f"?{name}=evil&", 1))
    if kind == "form":
        return replace(sent, body=name.encode() + b"=evil&" + sent.body)
    member = b'"%s":' % name.rpartition("/")[2].encode()
    head, found, tail = sent.body.rpartition(member)
    assert found
    return replace(sent, body=head + member + b'"evil",' + member + tail)


@against(lambda signer: proves(signer) and not in_header(signer), profiles=11)
def test_two_proofs_in_the_content_are_refused(signer: Signer) -> None:
    """Attack 3: JSON parsers keep the last of two members, form parsers the first."""
    sent = _twice(signer, sample(signer))
    refused_for(signer, sent, DOUBLED | {Reason.BODY_MALFORMED})
