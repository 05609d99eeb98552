"""HMAC verification by itself: bounds, fixed work, and nothing but `Rejected` for any input."""

import base64
import contextlib
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.mac import Hash, Mac
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.keys import KeyForm
from ingress.schemes.parts.message import compile_message
from ingress.schemes.parts.parsers import Fields, Plain, Versions

# RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?".
KEY = b"Jefe"
DATA = b"what do ya want for nothing?"
SHA256 = b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
SHA512 = (
    b"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    b"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
)

PLAIN = Mac(Hash.SHA256, KeyForm.UTF8, b"x-sig", Plain(), Encoding.HEX, compile_message("{body}"))
LISTED = Mac(
    Hash.SHA256,
    KeyForm.UTF8,
    b"x-sig",
    Fields(b",", b"v1", b"t"),
    Encoding.HEX,
    compile_message("{header:x-id}.{timestamp}.{body}"),
    freshness=Freshness(Unit.SECONDS, 300),
)
VERSIONED = Mac(
    Hash.SHA512,
    KeyForm.UTF8,
    b"x-sig",
    Versions(b" ", b"v1"),
    Encoding.BASE64,
    compile_message("{timestamp}{body}"),
    timestamp_header=b"x-at",
    freshness=Freshness(Unit.MILLISECONDS, 300),
)


def _delivery(*headers: tuple[bytes, bytes], body: bytes = DATA) -> Delivery:
    return Delivery("shop", "POST", b"", headers, body, 1_760_000_000_000)


@pytest.mark.parametrize(("algorithm", "digest"), [(Hash.SHA256, SHA256), (Hash.SHA512, SHA512)])
def test_the_standards_own_digest_verifies(algorithm: Hash, digest: bytes) -> None:
    """RFC 4231 knows nothing of us."""
    mac = Mac(algorithm, KeyForm.UTF8, b"x-sig", Plain(), Encoding.HEX, compile_message("{body}"))
    assert mac.verify(_delivery((b"x-sig", digest)), [KEY]) == 0
    assert mac.scheme == f"hmac-{algorithm.value}"


@pytest.mark.parametrize("position", range(5))
def test_any_of_five_candidates_may_be_the_one(position: int) -> None:
    """A sender in the middle of a rotation signs more than once, in any order."""
    good = hmac.new(KEY, b"m.1760000000." + DATA, hashlib.sha256).hexdigest().encode()
    candidates = [b"v1=" + b"0" * 64] * 5
    candidates[position] = b"v1=" + good
    header = b",".join([b"t=1760000000", *candidates])
    assert LISTED.verify(_delivery((b"x-sig", header), (b"x-id", b"m")), [KEY]) == 0


@pytest.mark.parametrize("used", range(3))
def test_every_key_is_compared_with_every_candidate_whichever_matches(
    used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that depended on the match would tell which key is in use, and how far a guess got."""
    keys = [b"first", b"second", b"third"]
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    good = hmac.new(keys[used], b"m.1760000000." + DATA, hashlib.sha256).hexdigest().encode()
    header = b"t=1760000000,v1=" + good + b",v1=" + b"0" * 64
    assert LISTED.verify(_delivery((b"x-sig", header), (b"x-id", b"m")), keys) == used
    assert len(set(compared)) == len(compared) == 6


def test_a_signed_header_may_not_contain_what_ends_it() -> None:
    """Two deliveries would share one signature: the id ``a.1`` and the body that begins ``1.``."""
    message = b"a.1760000000.1.body"
    good = hmac.new(KEY, message, hashlib.sha256).hexdigest().encode()
    honest = _delivery((b"x-sig", b"t=1760000000,v1=" + good), (b"x-id", b"a"), body=b"1.body")
    shifted = _delivery((b"x-sig", b"t=1,v1=" + good), (b"x-id", b"a.1760000000"), body=b"body")
    assert LISTED.verify(honest, [KEY]) == 0
    with pytest.raises(Rejected) as refused:
        LISTED.verify(shifted, [KEY])
    assert refused.value.reason is Reason.HEADER_MALFORMED


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (((b"x-sig", b"t=1,v1=" + b"0" * 64),), Reason.HEADER_MISSING),
        (((b"x-sig", b"t=1,v1=" + b"0" * 64), (b"x-id", b" ")), Reason.HEADER_MALFORMED),
        (
            ((b"x-sig", b"t=1,v1=" + b"0" * 64), (b"x-id", b"a"), (b"x-id", b"b")),
            Reason.HEADER_DUPLICATED,
        ),
    ],
)
def test_a_signed_header_is_there_once_and_says_something(
    headers: tuple[tuple[bytes, bytes], ...], reason: Reason
) -> None:
    """It becomes part of the identity of the event."""
    with pytest.raises(Rejected) as refused:
        LISTED.verify(_delivery(*headers), [KEY])
    assert refused.value.reason is reason


def test_another_header_may_come_twice() -> None:
    """Only what is relied upon must be single; cookies and proxies repeat the rest."""
    twice = ((b"via", b"1.1 a"), (b"x-sig", SHA256), (b"via", b"1.1 b"))
    assert PLAIN.verify(_delivery(*twice), [KEY]) == 0


def test_the_age_limit_counts_in_the_senders_unit() -> None:
    """A thousandfold error would make every timestamp fresh, or none."""
    key, at = b"k", b"1760000000000"
    digest = hmac.new(key, at + DATA, hashlib.sha512).digest()
    text = b"v1," + base64.b64encode(digest)
    assert VERSIONED.verify(_delivery((b"x-sig", text), (b"x-at", at)), [key]) == 0


names = st.sampled_from([b"x-sig", b"x-id", b"x-at", b"other"])
values = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([SHA256, b"t=1760000000,v1=" + SHA256, b"v1," + b"A" * 86 + b"==", b"1"]),
    st.text("tv1=, 0af.\t", max_size=300).map(str.encode),
)


@pytest.mark.parametrize("mac", [PLAIN, LISTED, VERSIONED], ids=["plain", "kv", "list"])
@given(
    headers=st.lists(st.tuples(names, values), max_size=6),
    body=st.binary(),
    received_ms=st.integers(),
    keys=st.lists(st.binary(), max_size=3),
)
def test_any_input_is_judged_and_none_is_an_error(
    mac: Mac,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    received_ms: int,
    keys: list[bytes],
) -> None:
    """Whatever else was raised would become a 500, and the sender would come again."""
    delivery = Delivery("shop", "POST", b"", tuple(headers), body, received_ms)
    with contextlib.suppress(Rejected):
        mac.verify(delivery, keys)
    with contextlib.suppress(Rejected):
        mac.read(delivery.headers)
