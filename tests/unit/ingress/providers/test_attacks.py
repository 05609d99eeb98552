"""Every attack on verification, against every provider. Each delivery but one is a forgery."""

import base64
import gzip
import unicodedata
from collections.abc import Callable, Sequence

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import Profile, load
from tests.support.signers import SIGNERS, Headers, Signer

NOW_S = 1_760_000_000
WINDOW_S = 300
BODY = '{"id": "evt_1","type":"payment.paid","note":"caf\u00e9","amount":"10.50"}'.encode()

every_provider = pytest.mark.parametrize("signer", SIGNERS, ids=str)
timed_provider = pytest.mark.parametrize("signer", [s for s in SIGNERS if s.timed], ids=str)


def _profile(signer: Signer) -> Profile:
    return load(signer.provider, signer.parameters)


def _delivery(headers: Headers, body: bytes = BODY, received_ms: int = NOW_S * 1000) -> Delivery:
    noise = ((b"host", b"hooks.example"), (b"content-type", b"application/json"))
    return Delivery("shop", "POST", b"", noise + headers, body, received_ms)


def _signed(signer: Signer, at_s: int = NOW_S, secret: bytes | None = None) -> Headers:
    return signer.sign(signer.old if secret is None else secret, BODY, at_s)


def _verify(signer: Signer, delivery: Delivery, secrets: Sequence[bytes] | None = None) -> int:
    profile = _profile(signer)
    chosen = [signer.old] if secrets is None else secrets
    return profile.verify(delivery, [profile.key_material(secret) for secret in chosen])


def _refusal(signer: Signer, delivery: Delivery, secrets: Sequence[bytes] | None = None) -> Reason:
    with pytest.raises(Rejected) as refused:
        _verify(signer, delivery, secrets)
    return refused.value.reason


def _changed(headers: Headers, name: bytes, change: Callable[[bytes], bytes]) -> Headers:
    return tuple((key, change(value) if key == name else value) for key, value in headers)


def _signature(signer: Signer, headers: Headers) -> bytes:
    """Find the bare signature text: what stands behind the last prefix of the header."""
    value = dict(headers)[signer.header]
    return (
        value.rsplit(b"v1=", 1)[-1] if signer.provider == "stripe" else value[len(signer.prefix) :]
    )


def _respelt(signer: Signer, change: Callable[[bytes], bytes]) -> Headers:
    headers = _signed(signer)
    text = _signature(signer, headers)
    return _changed(headers, signer.header, lambda value: value.replace(text, change(text)))


@every_provider
def test_what_the_provider_signs_is_accepted(signer: Signer) -> None:
    """Everything below would pass on a verifier that refuses all; this one would not."""
    assert _verify(signer, _delivery(_signed(signer))) == 0


@every_provider
def test_a_missing_signature_is_refused(signer: Signer) -> None:
    """Attack 1: the header is stripped."""
    headers = tuple(item for item in _signed(signer) if item[0] != signer.header)
    assert _refusal(signer, _delivery(headers)) is Reason.HEADER_MISSING


@every_provider
@pytest.mark.parametrize("value", [b"", b" ", b"\t", b",", b"=", b"\x00", b"v1", b"v1,", b"v1="])
def test_an_empty_signature_is_refused(signer: Signer, value: bytes) -> None:
    """Attack 1: the header is there and says nothing."""
    headers = _changed(_signed(signer), signer.header, lambda _: value)
    assert _refusal(signer, _delivery(headers)) in {
        Reason.HEADER_MALFORMED,
        Reason.VERSION_UNSUPPORTED,
    }


@every_provider
@pytest.mark.parametrize("length", [0, 1, 16, 20, 31, 33, 48, 64])
def test_a_digest_of_another_length_is_refused(signer: Signer, length: int) -> None:
    """Attack 2: a truncated or a weaker digest is no signature, whatever its bytes."""
    if signer.name == "kobbopay signing the body" and length == 64:
        length = 32
    raw = b"\x00" * length
    text = base64.b64encode(raw) if signer.encoding == "base64" else raw.hex().encode()
    assert _refusal(signer, _delivery(_respelt(signer, lambda _: text))) is Reason.HEADER_MALFORMED


@every_provider
@pytest.mark.parametrize("label", [b"sha1=", b"v0=", b"v0,", b"v2,", b"none,", b"v1a,", b"SHA256="])
def test_another_algorithm_named_by_the_message_is_refused(signer: Signer, label: bytes) -> None:
    """Attack 2: the right digest under the name of another version is a downgrade."""
    headers = _signed(signer)
    text = _signature(signer, headers)
    stamp = b"t=%d," % NOW_S if signer.provider == "stripe" else b""
    headers = _changed(headers, signer.header, lambda _: stamp + label + text)
    assert _refusal(signer, _delivery(headers)) in {
        Reason.VERSION_UNSUPPORTED,
        Reason.HEADER_MALFORMED,
    }


@every_provider
@pytest.mark.parametrize("good_first", [True, False])
def test_a_second_signature_header_is_refused(signer: Signer, good_first: bool) -> None:
    """Attack 3: of two headers, another reader may believe the other."""
    evil = _signed(signer, secret=signer.new)
    extra = tuple(item for item in evil if item[0] == signer.header)
    headers = _signed(signer) + extra if good_first else extra + _signed(signer)
    assert _refusal(signer, _delivery(headers)) is Reason.HEADER_DUPLICATED


@every_provider
def test_more_candidates_than_the_bound_are_refused(signer: Signer) -> None:
    """Attack 3: a list of guesses would multiply the work and the forger's chances."""
    headers = _signed(signer)
    text = _signature(signer, headers)
    item = {"stripe": b",v1=" + text, "standard_webhooks": b" v1," + text}
    more = item.get(signer.provider, b"," + text) * 5
    headers = _changed(headers, signer.header, lambda value: value + more)
    assert _refusal(signer, _delivery(headers)) is Reason.HEADER_MALFORMED


@every_provider
def test_blanks_around_a_header_are_not_part_of_it(signer: Signer) -> None:
    """Attack 4: HTTP allows them, and an intermediary may add them."""
    headers = _changed(_signed(signer), signer.header, lambda value: b" \t" + value + b" ")
    assert _verify(signer, _delivery(headers)) == 0


@every_provider
@pytest.mark.parametrize("twin", [b"_", b" ", b".", b""])
def test_a_header_of_a_similar_name_is_not_the_header(signer: Signer, twin: bytes) -> None:
    """Attack 4: an underscore twin or a blank in the name is another header."""
    name = signer.header.replace(b"-", twin)
    headers = tuple(
        (name if key == signer.header else key, value) for key, value in _signed(signer)
    )
    assert _refusal(signer, _delivery(headers)) is Reason.HEADER_MISSING


@every_provider
@pytest.mark.parametrize(
    "spelling",
    [
        lambda text: text[:10] + b" " + text[10:],
        lambda text: text[:10] + b"\t" + text[10:],
        lambda text: text + b"=",
        lambda text: text + b"==",
        lambda text: b"0x" + text,
        lambda text: text + b"\x00",
        lambda text: text[:-1],
        lambda text: text.rstrip(b"=") + b"!",
    ],
)
def test_another_spelling_of_the_signature_is_refused(
    signer: Signer, spelling: Callable[[bytes], bytes]
) -> None:
    """Attack 5: one signature has one spelling, or replay checks can be walked around."""
    headers = _respelt(signer, spelling)
    assert _refusal(signer, _delivery(headers)) is Reason.HEADER_MALFORMED


@pytest.mark.parametrize("signer", [s for s in SIGNERS if s.encoding == "hex"], ids=str)
def test_hex_is_accepted_in_either_case(signer: Signer) -> None:
    """Attack 5: hex has two cases by its nature, and providers have changed theirs."""
    assert _verify(signer, _delivery(_respelt(signer, bytes.upper))) == 0


@pytest.mark.parametrize("signer", [s for s in SIGNERS if s.encoding == "base64"], ids=str)
@pytest.mark.parametrize(
    "spelling",
    [
        lambda text: text.rstrip(b"="),
        lambda text: base64.urlsafe_b64encode(base64.b64decode(text)) + b"-",
        lambda text: text.rstrip(b"=")[:-1] + bytes([text.rstrip(b"=")[-1] + 1]) + b"=",
    ],
    ids=["unpadded", "url-safe", "other tail bits"],
)
def test_only_canonical_base64_is_accepted(
    signer: Signer, spelling: Callable[[bytes], bytes]
) -> None:
    """Attack 5: the bits that decode to nothing would give sixteen spellings of one signature."""
    assert _refusal(signer, _delivery(_respelt(signer, spelling))) is Reason.HEADER_MALFORMED


@every_provider
@pytest.mark.parametrize("junk", [b"\xff\xfe", "\uff41\uff11".encode(), b"\xc3\x28", b"\x80" * 64])
def test_a_signature_that_is_not_ascii_is_refused(signer: Signer, junk: bytes) -> None:
    """Attack 6: comparing such text raises in Python, and an error would make the sender retry."""
    assert _refusal(signer, _delivery(_respelt(signer, lambda _: junk))) is Reason.HEADER_MALFORMED


@every_provider
@pytest.mark.parametrize(
    "body",
    [
        BODY + b"\n",
        BODY + b" ",
        BODY.replace(b": ", b":"),
        BODY.replace(b",", b", "),
        BODY.replace(b"\xc3\xa9", b"\\u00e9"),
        BODY.replace(b'"type"', b'"typ\\u0065"'),
        b"\xef\xbb\xbf" + BODY,
        BODY.decode().encode("utf-16"),
        BODY.decode().encode("latin-1"),
        unicodedata.normalize("NFD", BODY.decode()).encode(),
        gzip.compress(BODY),
        b"",
        BODY[:-1],
        b"\r\n".join(BODY.split(b",")),
    ],
)
def test_a_body_of_other_bytes_is_refused(signer: Signer, body: bytes) -> None:
    """Attacks 7 and 8: what means the same is not the same; the signature is over bytes."""
    assert _refusal(signer, _delivery(_signed(signer), body)) is Reason.SIGNATURE_MISMATCH


def _at(signer: Signer, stamp: bytes) -> Headers:
    """Put a timestamp text in place of the signed one."""
    name = signer.stamp_header or signer.header
    return _changed(
        _signed(signer), name, lambda value: value.replace(str(NOW_S).encode(), stamp, 1)
    )


@timed_provider
@pytest.mark.parametrize(
    "stamp",
    [
        b"",
        b"soon",
        b"-1760000000",
        b"+1760000000",
        b"1760000000.0",
        b"1.76e9",
        b"1_760_000_000",
        b"0x68e77800",
        b"17600 00000",
        "\uff11\uff17\uff16\uff10\uff10\uff10\uff10\uff10\uff10\uff10".encode(),
        "\u0661\u0667\u0666\u0660\u0660\u0660\u0660\u0660\u0660\u0660".encode(),
        b"1760000000\x00",
        b"1" * 13,
        b"9" * 5000,
        b"\xff",
    ],
)
def test_a_timestamp_of_other_syntax_is_refused(signer: Signer, stamp: bytes) -> None:
    """Attack 10: Python's `int` reads signs, underscores and digits of other scripts."""
    assert _refusal(signer, _delivery(_at(signer, stamp))) is Reason.TIMESTAMP_MALFORMED


@timed_provider
def test_a_missing_timestamp_is_refused(signer: Signer) -> None:
    """Attack 10: without it, a captured delivery would live for ever."""
    if signer.stamp_header is None:
        headers = _changed(_signed(signer), signer.header, lambda value: value.split(b",", 1)[1])
    else:
        headers = tuple(item for item in _signed(signer) if item[0] != signer.stamp_header)
    assert _refusal(signer, _delivery(headers)) is Reason.TIMESTAMP_MISSING


@timed_provider
def test_two_timestamps_are_refused(signer: Signer) -> None:
    """Attack 10: one could be judged and the other signed."""
    if signer.stamp_header is None:
        headers = _changed(_signed(signer), signer.header, lambda value: b"t=%d," % NOW_S + value)
        expected = Reason.HEADER_MALFORMED
    else:
        headers = (*_signed(signer), (signer.stamp_header, b"%d" % NOW_S))
        expected = Reason.HEADER_DUPLICATED
    assert _refusal(signer, _delivery(headers)) is expected


@timed_provider
def test_another_timestamp_breaks_the_signature(signer: Signer) -> None:
    """Attack 10: a replay cannot make itself younger, because the time is signed."""
    headers = _at(signer, b"%d" % (NOW_S + 1))
    assert _refusal(signer, _delivery(headers)) is Reason.SIGNATURE_MISMATCH


@timed_provider
def test_a_timestamp_rendered_differently_breaks_the_signature(signer: Signer) -> None:
    """Attack 10: the text is signed, not the number; a leading zero is another text."""
    headers = _at(signer, b"0%d" % NOW_S)
    assert _refusal(signer, _delivery(headers)) is Reason.SIGNATURE_MISMATCH


@timed_provider
@pytest.mark.parametrize("late_ms", [-WINDOW_S * 1000, 0, WINDOW_S * 1000])
def test_the_window_holds_its_last_moment(signer: Signer, late_ms: int) -> None:
    """Attack 12: 300 seconds either way are inside."""
    assert _verify(signer, _delivery(_signed(signer), received_ms=NOW_S * 1000 + late_ms)) == 0


@timed_provider
@pytest.mark.parametrize("late_ms", [WINDOW_S * 1000 + 1, (WINDOW_S + 1) * 1000, 86_400_000])
def test_a_replay_outside_the_window_is_refused(signer: Signer, late_ms: int) -> None:
    """Attack 12: a captured delivery dies with its window."""
    delivery = _delivery(_signed(signer), received_ms=NOW_S * 1000 + late_ms)
    assert _refusal(signer, delivery) is Reason.TIMESTAMP_STALE


@timed_provider
@pytest.mark.parametrize("early_ms", [WINDOW_S * 1000 + 1, (WINDOW_S + 1) * 1000, 86_400_000])
def test_a_timestamp_from_the_future_is_refused(signer: Signer, early_ms: int) -> None:
    """Attack 10: a date far ahead would keep a delivery alive until then; libraries forget it."""
    delivery = _delivery(_signed(signer), received_ms=NOW_S * 1000 - early_ms)
    assert _refusal(signer, delivery) is Reason.TIMESTAMP_FUTURE


@timed_provider
def test_age_is_judged_behind_the_signature(signer: Signer) -> None:
    """Until the signature holds, the timestamp is a claim and explains nothing."""
    delivery = _delivery(_signed(signer), BODY + b" ", received_ms=(NOW_S + 9_999) * 1000)
    assert _refusal(signer, delivery) is Reason.SIGNATURE_MISMATCH


@every_provider
def test_headers_that_are_not_signed_cannot_change_the_event(signer: Signer) -> None:
    """Attack 14: a replay under new ids must have the event key of the first delivery."""
    profile = _profile(signer)
    ids = ((b"x-event-id", b"other"), (b"x-delivery-id", b"other"), (b"idempotency-key", b"other"))
    first = profile.identify(BODY, _signed(signer))
    assert profile.identify(BODY, _signed(signer) + ids) == first


@every_provider
@pytest.mark.parametrize("secrets", [("old", "new"), ("new", "old")])
def test_during_a_rotation_either_secret_verifies_and_the_match_is_told(
    signer: Signer, secrets: tuple[str, str]
) -> None:
    """Attack 29: both live keys are good in either order, and one knows which was used."""
    ring = [getattr(signer, name) for name in secrets]
    for index, secret in enumerate(ring):
        assert _verify(signer, _delivery(_signed(signer, secret=secret)), ring) == index


@every_provider
def test_a_secret_taken_out_verifies_no_more(signer: Signer) -> None:
    """Attack 29: the rotation ends when the old key leaves the ring."""
    delivery = _delivery(_signed(signer, secret=signer.old))
    assert _refusal(signer, delivery, [signer.new]) is Reason.SIGNATURE_MISMATCH


@every_provider
def test_without_a_key_nothing_verifies(signer: Signer) -> None:
    """Attack 29: an empty ring must fail closed, and name our own mistake."""
    assert _refusal(signer, _delivery(_signed(signer)), []) is Reason.KEY_MISSING


@every_provider
def test_what_can_be_seen_without_the_body_is_refused_before_it_is_read(signer: Signer) -> None:
    """Attack 28: a malformed header costs no body, and no mathematics."""
    profile = _profile(signer)
    profile.precheck(_signed(signer))
    with pytest.raises(Rejected):
        profile.precheck(_changed(_signed(signer), signer.header, lambda _: b"junk"))
    with pytest.raises(Rejected):
        profile.precheck(())


@every_provider
def test_the_signed_headers_are_enough_to_verify_again(signer: Signer) -> None:
    """The record on the log must be provable years later, from what it carries."""
    profile = _profile(signer)
    kept = tuple(item for item in _signed(signer) if item[0] in profile.signed_headers)
    assert _verify(signer, _delivery(kept)) == 0
