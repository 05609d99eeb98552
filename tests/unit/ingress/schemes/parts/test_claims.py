"""What a token says: who it is for, when, of which body; each rule by itself, and against PyJWT."""

import hashlib
import json
import time

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts.claims import Claims

NOW_S = 1_760_000_000
NOW_MS = NOW_S * 1000
BODY = b'{\n  "item_id": "it_1"\n}'


def _verdict(claims: Claims, payload: object, now_ms: int = NOW_MS, body: bytes = BODY) -> object:
    """Tell the reason for refusing, None for a token that is believed."""
    text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    try:
        claims.judge(text, body, now_ms)
    except Rejected as refused:
        return refused.reason
    return None


@pytest.mark.parametrize(
    ("said", "believed"),
    [
        ("ours", True),
        (["ours"], True),
        (["theirs", "ours"], True),
        ("theirs", False),
        (["theirs"], False),
        ([], False),
        ([["ours"]], False),
        ({"ours": True}, False),
        ("OURS", False),
        ("ours ", False),
        ("", False),
        (None, False),
        (True, False),
        (7, False),
    ],
)
def test_the_audience_is_us(said: object, believed: bool) -> None:
    """Google signs as good a token for everybody: only the audience makes one ours."""
    expected = None if believed else Reason.CLAIM_MISMATCH
    assert _verdict(Claims({"aud": ("ours",)}), {"aud": said}) is expected


@pytest.mark.parametrize("name", ["aud", "iss", "email", "email_verified"])
def test_what_is_expected_must_be_said(name: str) -> None:
    """A claim left out is the oldest way round a check of its value."""
    assert _verdict(Claims({name: ("x", True)}), {}) is Reason.CLAIM_MISMATCH


def test_only_the_audience_may_be_a_list() -> None:
    """A list of accounts would let the sender name every account there is."""
    claims = Claims({"email": ("us@example.com",)})
    assert _verdict(claims, {"email": ["us@example.com"]}) is Reason.CLAIM_MISMATCH
    assert _verdict(claims, {"email": "us@example.com"}) is None


def test_one_of_several_issuers_will_do() -> None:
    """Google names itself in two ways, and its own library accepts both."""
    claims = Claims({"iss": ("accounts.google.com", "https://accounts.google.com")})
    assert _verdict(claims, {"iss": "https://accounts.google.com"}) is None
    assert _verdict(claims, {"iss": "accounts.google.com"}) is None
    assert _verdict(claims, {"iss": "https://accounts.google.com/"}) is Reason.CLAIM_MISMATCH


@pytest.mark.parametrize("said", ["true", 1, "True", False, None, [True], 1.0])
def test_true_is_nothing_else(said: object) -> None:
    """An account whose address was never verified is anybody who typed that address."""
    claims = Claims({"email_verified": (True,)})
    assert _verdict(claims, {"email_verified": True}) is None
    assert _verdict(claims, {"email_verified": said}) is Reason.CLAIM_MISMATCH


@pytest.mark.parametrize("values", [(), ("",), ("ours", "")])
def test_an_expectation_that_was_left_empty_is_a_mistake(values: tuple[str, ...]) -> None:
    """A parameter nobody filled in must not become a check that everybody passes."""
    with pytest.raises(ValueError, match="aud"):
        Claims({"aud": values})


@pytest.mark.parametrize(
    ("name", "offset_ms", "reason"),
    [
        ("exp", 1, None),
        ("exp", 0, Reason.TIMESTAMP_STALE),
        ("exp", -1000, Reason.TIMESTAMP_STALE),
        ("nbf", 0, None),
        ("nbf", 1, Reason.TIMESTAMP_FUTURE),
        ("iat", 0, None),
        ("iat", 1, Reason.TIMESTAMP_FUTURE),
        ("iat", -10_000_000, None),
    ],
)
def test_what_a_token_says_of_its_time_holds_even_unasked(
    name: str, offset_ms: int, reason: Reason | None
) -> None:
    """RFC 7519: not on or after its expiry, not before its beginning; and none is issued ahead."""
    said = b'{"%s": %d.%03d}' % (name.encode(), *divmod(NOW_MS + offset_ms, 1000))
    assert _verdict(Claims(), said) is reason


def test_an_expiry_may_be_demanded() -> None:
    """A bearer token without an end is a password."""
    claims = Claims(requires_expiry=True)
    assert _verdict(claims, {}) is Reason.TIMESTAMP_MISSING
    assert _verdict(claims, {"exp": NOW_S + 1}) is None


@pytest.mark.parametrize(
    ("offset_s", "reason"),
    [
        (0, None),
        (-300, None),
        (-301, Reason.TIMESTAMP_STALE),
        (300, None),
        (301, Reason.TIMESTAMP_FUTURE),
    ],
)
def test_the_window_of_issue_is_judged_both_ways(offset_s: int, reason: Reason | None) -> None:
    """Plaid grants five minutes; a token from the future would stay fresh until then."""
    assert _verdict(Claims(iat_window_s=300), {"iat": NOW_S + offset_s}) is reason


def test_a_window_needs_a_moment_of_issue() -> None:
    """Without it every replay would be fresh."""
    assert _verdict(Claims(iat_window_s=300), {}) is Reason.TIMESTAMP_MISSING


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "moment",
    [
        b"1e999",
        b"1.76e9",
        b"1E9",
        b'"1760000000"',
        b"true",
        b"null",
        b"[1760000000]",
        b"{}",
        b"-1",
        b"-0",
        b"1760000000000000",
        b"1760000000.0000000001",
        b"9" * 900,
        b"0." + b"0" * 900,
    ],
)
def test_a_moment_is_a_number_in_plain_digits(name: str, moment: bytes) -> None:
    """Infinity never expires; a text compared as a number has surprised every language."""
    payload = b'{"%s": %s}' % (name.encode(), moment)
    assert _verdict(Claims(), payload) is Reason.TIMESTAMP_MALFORMED


def test_a_moment_may_have_a_fraction() -> None:
    """RFC 7519 allows it, and Python's own clock gives it."""
    assert Claims().issued_ms(b'{"iat": 1759999999.9876}') == 1_759_999_999_987
    assert Claims().issued_ms(b'{"iat": 1759999999.5}') == 1_759_999_999_500
    assert Claims().issued_ms(b"{}") is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'"x"',
        b"7",
        b'{"exp": 1, "exp": 9999999999}',
        b'{"exp": NaN}',
        b"{" * 100_000,
        b'{"a":' * 100_000,
        b'\xff{"a": 1}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_what_is_no_set_of_claims_is_refused(payload: bytes) -> None:
    """Of two values for one name, another reader may believe the other."""
    assert _verdict(Claims(), payload) is Reason.BODY_MALFORMED
    with pytest.raises(Rejected):
        Claims().issued_ms(payload)


DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (DIGEST, None),
        (DIGEST.upper(), None),
        (hashlib.sha256(b"{}").hexdigest(), Reason.DIGEST_MISMATCH),
        (hashlib.sha256(BODY + b"\n").hexdigest(), Reason.DIGEST_MISMATCH),
        (DIGEST[:-2], Reason.DIGEST_MISMATCH),
        (DIGEST[:-1], Reason.DIGEST_MISMATCH),
        (DIGEST + " ", Reason.DIGEST_MISMATCH),
        ("", Reason.DIGEST_MISMATCH),
        ("\u0661" * 64, Reason.DIGEST_MISMATCH),
        (None, Reason.DIGEST_MISMATCH),
        ([DIGEST], Reason.DIGEST_MISMATCH),
        (int(DIGEST, 16), Reason.DIGEST_MISMATCH),
    ],
)
def test_the_body_is_the_one_the_token_was_issued_for(claim: object, reason: Reason | None) -> None:
    """Without this, one token would cover any body within its five minutes."""
    claims = Claims(body_hash="request_body_sha256")
    assert _verdict(claims, {"request_body_sha256": claim}) is reason
    assert _verdict(claims, {"other": DIGEST}) is Reason.DIGEST_MISMATCH


offsets = st.sampled_from([None, -90_000, -400, -60, 60, 400, 90_000])


@settings(deadline=None)
@given(
    times=st.fixed_dictionaries({"exp": offsets, "nbf": offsets, "iat": offsets}),
    aud=st.sampled_from([None, "ours", "theirs", ["ours", "theirs"], ["theirs"], []]),
    iss=st.sampled_from([None, "them", "others", ""]),
    requires_expiry=st.booleans(),
)
def test_another_library_believes_the_same_tokens(
    times: dict[str, int | None], aud: object, iss: str | None, requires_expiry: bool
) -> None:
    """PyJWT is what Plaid's and Google's own examples verify with."""
    now_s = int(time.time())
    said = {name: now_s + offset for name, offset in times.items() if offset is not None}
    said |= {name: value for name, value in {"aud": aud, "iss": iss}.items() if value is not None}
    token = jwt.encode(said, "k" * 32, algorithm="HS256")
    options = {"require": ["exp"] if requires_expiry else []}
    try:
        jwt.decode(token, "k" * 32, ["HS256"], options, audience="ours", issuer="them")
    except jwt.PyJWTError:
        believed = False
    else:
        believed = True
    claims = Claims({"aud": ("ours",), "iss": ("them",)}, requires_expiry)
    assert (_verdict(claims, said, now_s * 1000) is None) == believed
