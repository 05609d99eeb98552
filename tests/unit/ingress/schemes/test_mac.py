"""Keyed hashes by themselves: bounds, fixed work, and nothing but `Rejected` for any input."""

import base64
import contextlib
import hashlib
import hmac

import pytest
from Crypto.Hash import keccak
from hypothesis import given
from hypothesis import strategies as st

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.mac import DIGEST_BYTES, HMAC_HASHES, Construction, Hash, Mac
from ingress.schemes.parts import places
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.keys import Key, KeyForm
from ingress.schemes.parts.message import compile_message
from ingress.schemes.parts.parsers import Named, Parser, Plain, Versions
from ingress.schemes.parts.statement import Stamp, Statement

# RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?".
JEFE = b"Jefe"
KEY = Key(JEFE)
DATA = b"what do ya want for nothing?"
SHA256 = b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
SHA512 = (
    b"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    b"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
)
# RFC 2202, test case 2: the same key and data.
SHA1 = b"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
X_SIG = places.parse("header:x-sig")


def _mac(
    algorithm: Hash,
    parser: Parser,
    encoding: Encoding,
    message: str,
    stamp: Stamp | None = None,
    construction: Construction = Construction.HMAC,
) -> Mac:
    messages = (compile_message(message),)
    statement = Statement(X_SIG, parser, encoding, messages, DIGEST_BYTES[algorithm], stamp)
    return Mac(algorithm, KeyForm.UTF8, statement, construction)


SECONDS = Freshness(Unit.SECONDS, 300)
MILLISECONDS = Freshness(Unit.MILLISECONDS, 300)
PLAIN = _mac(Hash.SHA256, Plain(), Encoding.HEX, "{body}")
LISTED = _mac(
    Hash.SHA256,
    Named(b",", b"v1"),
    Encoding.HEX,
    "{header:x-id}.{timestamp}.{body}",
    Stamp(SECONDS, field=b"t"),
)
VERSIONED = _mac(
    Hash.SHA512,
    Versions(b" ", b"v1"),
    Encoding.BASE64,
    "{timestamp}{body}",
    Stamp(MILLISECONDS, places.parse("header:x-at")),
)


def _delivery(*headers: tuple[bytes, bytes], body: bytes = DATA) -> Delivery:
    return Delivery("shop", "POST", b"", headers, body, 1_760_000_000_000)


@pytest.mark.parametrize(
    ("algorithm", "digest"), [(Hash.SHA1, SHA1), (Hash.SHA256, SHA256), (Hash.SHA512, SHA512)]
)
def test_the_standards_own_digest_verifies(algorithm: Hash, digest: bytes) -> None:
    """RFC 2202 and RFC 4231 know nothing of us."""
    mac = _mac(algorithm, Plain(), Encoding.HEX, "{body}")
    assert mac.verify(_delivery((b"x-sig", digest)), [KEY]) == 0
    assert mac.scheme == f"hmac-{algorithm.value}"


# The digest of "abc" by every hash: FIPS 180-2, RFC 1321, and for Keccak its authors' test vectors.
ABC = {
    Hash.MD5: b"900150983cd24fb0d6963f7d28e17f72",
    Hash.SHA1: b"a9993e364706816aba3e25717850c26c9cd0d89d",
    Hash.SHA256: b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    Hash.KECCAK256: b"4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
}


@pytest.mark.parametrize("algorithm", ABC)
@pytest.mark.parametrize(
    ("message", "key", "body"),
    [("{body}{secret}", b"c", b"ab"), ("{secret}{body}", b"a", b"bc"), ("a{secret}c", b"b", b"")],
)
def test_a_plain_hash_has_the_secret_where_the_template_says(
    algorithm: Hash, message: str, key: bytes, body: bytes
) -> None:
    """Moralis appends it, HubSpot puts it in front."""
    mac = _mac(algorithm, Plain(), Encoding.HEX, message, construction=Construction.PLAIN)
    sent = _delivery((b"x-sig", ABC[algorithm]), body=body)
    assert mac.verify(sent, [Key(b"x"), Key(key)]) == 1
    assert mac.scheme == f"plain-{algorithm.value}"
    with pytest.raises(Rejected) as refused:
        mac.verify(sent, [Key(b"x")])
    assert refused.value.reason is Reason.SIGNATURE_MISMATCH


def test_keccak_is_not_sha3() -> None:
    """They differ in one byte of padding, and Ethereum chose before the standard did."""
    mac = _mac(
        Hash.KECCAK256, Plain(), Encoding.HEX, "{body}{secret}", construction=Construction.PLAIN
    )
    other = hashlib.sha3_256(DATA + JEFE).hexdigest().encode()
    with pytest.raises(Rejected):
        mac.verify(_delivery((b"x-sig", other)), [KEY])
    good = keccak.new(digest_bits=256, data=DATA + JEFE).hexdigest().encode()
    assert mac.verify(_delivery((b"x-sig", good)), [KEY]) == 0


def test_the_length_of_every_digest_is_known() -> None:
    """A shorter one is refused before anything is compared."""
    for algorithm, length in DIGEST_BYTES.items():
        if algorithm is not Hash.KECCAK256:
            assert hashlib.new(algorithm.value).digest_size == length
    assert DIGEST_BYTES[Hash.KECCAK256] == 32
    assert set(DIGEST_BYTES) == set(Hash)
    assert {Hash.SHA1, Hash.SHA256, Hash.SHA512} == HMAC_HASHES


def test_a_shared_secret_has_no_name_and_carries_no_content() -> None:
    """Those are for providers whose deliveries name their key, or are the content."""
    sent = _delivery((b"x-sig", SHA256))
    assert PLAIN.kid(sent) is None
    assert PLAIN.payload(sent) is None
    assert PLAIN.claimed_ms(sent) is None
    assert PLAIN.key(b"Jefe", "kid") == Key(b"Jefe", "kid")
    assert Mac(Hash.SHA256, KeyForm.HEX, PLAIN.statement).key(b"4a656665") == KEY
    assert PLAIN.signed_headers == (b"x-sig",)
    assert LISTED.signed_headers == (b"x-sig", b"x-id")
    claimed = _delivery((b"x-sig", b"t=7,v1=" + SHA256), (b"x-id", b"m"))
    assert LISTED.claimed_ms(claimed) == 7_000


def test_without_keys_nothing_verifies_and_junk_is_refused_early() -> None:
    """Attacks 28 and 29."""
    with pytest.raises(Rejected) as refused:
        PLAIN.verify(_delivery((b"x-sig", SHA256)), [])
    assert refused.value.reason is Reason.KEY_MISSING
    PLAIN.precheck(((b"x-sig", SHA256),))
    with pytest.raises(Rejected) as refused:
        PLAIN.precheck(())
    assert refused.value.reason is Reason.HEADER_MISSING


@pytest.mark.parametrize("position", range(5))
def test_any_of_five_candidates_may_be_the_one(position: int) -> None:
    """A sender in the middle of a rotation signs more than once, in any order."""
    good = hmac.new(JEFE, b"m.1760000000." + DATA, hashlib.sha256).hexdigest().encode()
    candidates = [b"v1=" + b"0" * 64] * 5
    candidates[position] = b"v1=" + good
    header = b",".join([b"t=1760000000", *candidates])
    assert LISTED.verify(_delivery((b"x-sig", header), (b"x-id", b"m")), [KEY]) == 0


@pytest.mark.parametrize("used", range(3))
def test_every_key_is_compared_with_every_candidate_whichever_matches(
    used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that depended on the match would tell which key is in use, and how far a guess got."""
    secrets = [b"first", b"second", b"third"]
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    good = hmac.new(secrets[used], b"m.1760000000." + DATA, hashlib.sha256).hexdigest().encode()
    header = b"t=1760000000,v1=" + good + b",v1=" + b"0" * 64
    keys = [Key(secret) for secret in secrets]
    assert LISTED.verify(_delivery((b"x-sig", header), (b"x-id", b"m")), keys) == used
    assert len(set(compared)) == len(compared) == 6


def test_a_signed_header_may_not_contain_what_ends_it() -> None:
    """Two deliveries would share one signature: the id ``a.1`` and the body that begins ``1.``."""
    message = b"a.1760000000.1.body"
    good = hmac.new(JEFE, message, hashlib.sha256).hexdigest().encode()
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
    assert VERSIONED.verify(_delivery((b"x-sig", text), (b"x-at", at)), [Key(key)]) == 0


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
    keys=st.lists(st.binary().map(Key), max_size=3),
)
def test_any_input_is_judged_and_none_is_an_error(
    mac: Mac,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    received_ms: int,
    keys: list[Key],
) -> None:
    """Whatever else was raised would become a 500, and the sender would come again."""
    delivery = Delivery("shop", "POST", b"", tuple(headers), body, received_ms)
    with contextlib.suppress(Rejected):
        mac.verify(delivery, keys)
    with contextlib.suppress(Rejected):
        mac.precheck(delivery.headers)
