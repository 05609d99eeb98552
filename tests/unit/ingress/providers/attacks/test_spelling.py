"""Other spellings of the right signature, under other names: attacks 4 and 5."""

import base64
from collections.abc import Callable

import pytest

from ingress.delivery import Reason
from tests.support.attacks import (
    NOW_S,
    UNREADABLE,
    against,
    in_header,
    received,
    refused_for,
    sample,
    signs,
    verify,
)
from tests.support.signers import Sent, Signer, wire
from tests.support.turns import in_turn

OTHER = UNREADABLE | {Reason.SIGNATURE_MISMATCH}


def _hex(signer: Signer) -> bool:
    return signer.encoding == "hex"


def _base64(signer: Signer) -> bool:
    return signer.encoding == "base64"


@against(in_header, profiles=73)
@in_turn("blanks", [(b" ", b""), (b"", b" "), (b" \t", b"\t ")])
def test_blanks_around_a_header_are_not_part_of_it(
    signer: Signer, blanks: tuple[bytes, bytes]
) -> None:
    """Attack 4: HTTP allows them, and an intermediary may add them."""
    before, behind = blanks
    sent = wire.with_header(sample(signer), signer.header, lambda value: before + value + behind)
    assert verify(signer, received(signer, sent)) == 0


@against(in_header, profiles=73)
@in_turn("blank", [b"\n", b"\r", b"\x0b", b"\xc2\xa0", b"\x00"])
def test_no_other_blank_is_forgiven(signer: Signer, blank: bytes) -> None:
    """Attack 4: Python's `strip` takes far more away than HTTP's two blanks."""
    sent = wire.with_header(sample(signer), signer.header, lambda value: value + blank)
    refused_for(signer, sent, OTHER)


def _of_one_name(signer: Signer) -> bool:
    """Say whether one name is the header's; DocuSign's is a family of names, one for each key."""
    return in_header(signer) and signer.provider != "docusign"


@against(_of_one_name, profiles=72)
@in_turn(
    "twin",
    [
        lambda name: name.replace(b"-", b"_") + (b"_" if b"-" not in name else b""),
        lambda name: name + b" ",
        lambda name: b"x" + name,
        lambda name: name[:-1],
        bytes.upper,
    ],
    ids=["underscore", "blank", "longer", "shorter", "not lower case"],
)
def test_a_header_of_a_similar_name_is_not_the_header(
    signer: Signer, twin: Callable[[bytes], bytes]
) -> None:
    """Attack 4: CGI and proxies fold names into one another; we compare them whole."""
    sent = sample(signer)
    headers = tuple((twin(n) if n == signer.header else n, v) for n, v in sent.headers)
    refused_for(signer, Sent(sent.method, sent.url, headers, sent.body), {Reason.HEADER_MISSING})


@against(_hex, profiles=40)
def test_hex_is_accepted_in_either_case(signer: Signer) -> None:
    """Attack 5: hex has two cases by its nature, and providers have changed theirs."""
    for case in (bytes.upper, bytes.lower):
        sent = wire.respelt(signer, sample(signer), case)
        assert verify(signer, received(signer, sent)) == 0


@against(signs, profiles=75)
@in_turn(
    "spelling",
    [
        lambda text: text[:10] + b" " + text[10:],
        lambda text: text[:10] + b"\t" + text[10:],
        lambda text: text[:10] + b"\n" + text[10:],
        lambda text: text[:10] + b"_" + text[10:],
        lambda text: text[:10] + b"%20" + text[10:],
        lambda text: text + b"\x00",
        lambda text: text + b"!",
        lambda text: text + b"=",
        lambda text: text[:-1],
        lambda text: b"0x" + text,
        lambda text: b"'" + text + b"'",
        lambda text: text + text,
    ],
    ids=["blank", "tab", "line", "_", "escape", "nul", "!", "=", "short", "0x", "quoted", "twice"],
)
def test_another_spelling_of_the_signature_is_refused(
    signer: Signer, spelling: Callable[[bytes], bytes]
) -> None:
    """Attack 5: one signature has one spelling, or replay checks can be walked around."""
    refused_for(signer, wire.respelt(signer, sample(signer), spelling), OTHER)


@against(lambda signer: _hex(signer) and in_header(signer), profiles=35)
def test_hex_of_other_digits_is_refused(signer: Signer) -> None:
    """Attack 5: `int` and some decoders read digits of every script."""
    wide = bytes.maketrans(b"0123456789", b"OI23456789")
    sent = wire.respelt(signer, sample(signer), lambda text: text.translate(wide)[:-1] + b"O")
    refused_for(signer, sent, {Reason.HEADER_MALFORMED})


def _padded(signer: Signer) -> Sent:
    """Send until the signature has padding: the length of an ECDSA signature is left to chance."""
    for later_s in range(200):
        sent = signer.sample(NOW_S + later_s % 2)
        if wire.signature(signer, sent).endswith(b"="):
            return sent
    pytest.fail(f"{signer} writes no padding")


def _tail(text: bytes) -> bytes:
    """Set a bit that stands for nothing: what is left of the last letter before the padding."""
    bare = text.rstrip(b"=")
    return bare[:-1] + bytes([bare[-1] + 1]) + text[len(bare) :]


@against(_base64, profiles=32)
@in_turn(
    "spelling",
    [
        lambda text: text.rstrip(b"="),
        lambda text: b"-_" + text[2:],
        _tail,
        lambda text: text[:4] + b"====" + text[4:],
        lambda text: text + b"AAAA",
    ],
    ids=["unpadded", "url-safe", "other tail bits", "padded inside", "more behind"],
)
def test_only_canonical_base64_is_accepted(
    signer: Signer, spelling: Callable[[bytes], bytes]
) -> None:
    """Attack 5: the bits that decode to nothing would give sixteen spellings of one signature."""
    sent = wire.respelt(signer, _padded(signer), spelling)
    refused_for(signer, sent, {Reason.HEADER_MALFORMED})


@against(_base64, profiles=32)
def test_base64_is_undone_once(signer: Signer) -> None:
    """Attack 5: who decodes until it fits accepts a second spelling."""
    refused_for(signer, wire.respelt(signer, sample(signer), base64.b64encode), OTHER)


def _tail_url(text: bytes) -> bytes:
    return text[:-1] + bytes([text[-1] + 1])


@against(lambda signer: signer.encoding == "base64url", profiles=4)
@in_turn(
    "spelling",
    [
        lambda text: text + b"=" * (-len(text) % 4),
        lambda text: b"+/" + text[2:],
        _tail_url,
        lambda text: text + b".",
    ],
    ids=["padded", "not url-safe", "other tail bits", "one more dot"],
)
def test_only_canonical_base64url_is_accepted(
    signer: Signer, spelling: Callable[[bytes], bytes]
) -> None:
    """Attack 5: tokens are cached and compared as text, and have one."""
    sent = wire.respelt(signer, sample(signer), spelling)
    refused_for(signer, sent, {Reason.HEADER_MALFORMED, Reason.BODY_MALFORMED})
