"""Timestamps that are missing, malformed, doubled, moved, stale or ahead: attacks 10, 11 and 12."""

from dataclasses import replace

import pytest

from ingress.delivery import Reason
from ingress.providers import Profile, load
from tests.support.attacks import (
    NOW_MS,
    NOW_S,
    against,
    in_header,
    profile,
    received,
    refusal,
    refused_for,
    ring,
    sample,
    verify,
)
from tests.support.signers import Sent, Signer, wire
from tests.support.turns import in_turn

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS

MALFORMED = {
    "empty": b"",
    "word": b"soon",
    "negative": b"-1760000000",
    "signed": b"+1760000000",
    "fraction": b"1760000000.0",
    "exponent": b"1.76e9",
    "grouped": b"1_760_000_000",
    "hex": b"0x68e77800",
    "blank inside": b"17600 00000",
    "full width": "\uff11\uff17\uff16\uff10\uff10\uff10\uff10\uff10\uff10\uff10".encode(),
    "arabic": "\u0661\u0667\u0666\u0660\u0660\u0660\u0660\u0660\u0660\u0660".encode(),
    "NUL": b"1760000000\x00",
    "quoted": b"'1760000000'",
    "too long": b"1" * 16,
    "endless": b"9" * 5000,
    "no text": b"\xff",
    "no such day": b"2025-02-30T00:00:00Z",
    "no such hour": b"2025-10-09T25:53:20Z",
    "year 0": b"0000-10-09T08:53:20Z",
    "odd zone": b"2025-10-09T08:53:20+99:99",
    "date alone": b"2025-10-09",
    "RFC 1123": b"Thu 09 Oct 2025 08:53:20 GMT",
}


def _kind(signer: Signer) -> str:
    return signer.stamp_place.partition(":")[0]


def _stands_in_header(signer: Signer) -> bool:
    """Say whether the timestamp is a header, or a member of the signature's header."""
    return _kind(signer) in {"header", "member"}


def _in_header_alone(signer: Signer) -> bool:
    return _kind(signer) == "header"


def _in_content(signer: Signer) -> bool:
    """Say whether the timestamp is a part of the body, or of a token."""
    return _kind(signer) in {"json", "claim"}


def _stamped(signer: Signer) -> bool:
    return bool(signer.stamp_place)


def _timed(signer: Signer) -> bool:
    return signer.timed is not None


def _window_ms(signer: Signer) -> int:
    """Return the window of the profile, or else the documented one."""
    rule = profile(signer).declaration.freshness
    window_s = signer.timed if rule is None else rule.window_s
    assert window_s is not None
    return window_s * 1000


@against(_timed, profiles=17)
def test_no_window_is_wider_than_the_documented_one(signer: Signer) -> None:
    """Attack 12: every second more is a second more for a replay."""
    assert signer.timed is not None
    assert 0 < _window_ms(signer) <= signer.timed * 1000


@against(_stands_in_header, profiles=23)
@in_turn("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_timestamp_of_other_syntax_is_refused(signer: Signer, text: bytes) -> None:
    """Attack 10: Python's `int` reads signs, underscores and digits of other scripts."""
    sent = wire.restamped(signer, sample(signer), text)
    refused_for(signer, sent, {Reason.TIMESTAMP_MALFORMED})


@against(_in_content, profiles=5)
@in_turn("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_timestamp_changed_in_the_content_is_refused(signer: Signer, text: bytes) -> None:
    """Attack 10: there, it is signed like everything else, and a number may end up being none."""
    sent = wire.restamped(signer, sample(signer), text)
    reasons = {Reason.TIMESTAMP_MALFORMED, Reason.BODY_MALFORMED, Reason.SIGNATURE_MISMATCH}
    refused_for(signer, sent, reasons)


@against(_stands_in_header, profiles=23)
def test_a_missing_timestamp_is_refused(signer: Signer) -> None:
    """Attack 10: without it, a captured delivery would live for ever."""
    sent = wire.without_stamp(signer, sample(signer))
    refused_for(signer, sent, {Reason.TIMESTAMP_MISSING})


@against(_in_content, profiles=5)
def test_a_timestamp_missing_in_the_content_is_refused(signer: Signer) -> None:
    """Attack 10: the same, where it is a part of what is signed."""
    sent = wire.without_stamp(signer, sample(signer))
    reasons = {Reason.TIMESTAMP_MISSING, Reason.SIGNATURE_MISMATCH, Reason.BODY_MALFORMED}
    refused_for(signer, sent, reasons)


@against(_in_header_alone, profiles=16)
@in_turn("good_first", [True, False])
def test_two_timestamp_headers_are_refused(signer: Signer, good_first: bool) -> None:
    """Attack 10: one could be judged and the other signed."""
    sent = sample(signer)
    assert signer.stamp_header is not None
    more = ((signer.stamp_header, b"1760000001"),)
    headers = sent.headers + more if good_first else more + sent.headers
    refused_for(signer, replace(sent, headers=headers), {Reason.HEADER_DUPLICATED})


@against(lambda signer: _kind(signer) == "member", profiles=7)
def test_two_timestamps_in_a_signature_are_refused(signer: Signer) -> None:
    """Attack 10: the same, where the timestamp is a member of the header."""
    name = signer.stamp_place.partition(":")[2].encode()

    def doubled(whole: bytes) -> bytes:
        at = whole.index(signer.prefix)
        joint = whole[at - 1 : at] if at and whole[at - 1 : at] != b" " else whole[at - 2 : at]
        return name + b"1760000001" + joint + whole

    sent = wire.with_header(sample(signer), signer.header, doubled)
    refused_for(signer, sent, {Reason.HEADER_MALFORMED})


def _moved(signer: Signer) -> Sent:
    """Write a timestamp one second later, in the provider's own spelling."""
    later = wire.stamp(signer, signer.sample(NOW_S + 1))
    return wire.restamped(signer, sample(signer), later)


@against(_stamped, profiles=28)
def test_another_timestamp_breaks_the_signature(signer: Signer) -> None:
    """Attack 10: a replay cannot make itself younger, because the time is signed."""
    refused_for(signer, _moved(signer), {Reason.SIGNATURE_MISMATCH})


@against(lambda signer: _stands_in_header(signer) and signer.unit != "iso", profiles=20)
def test_a_timestamp_rendered_differently_breaks_the_signature(signer: Signer) -> None:
    """Attack 10: the text is signed, not the number; a leading zero is another text."""
    sent = sample(signer)
    sent = wire.restamped(signer, sent, b"0" + wire.stamp(signer, sent))
    refused_for(signer, sent, {Reason.SIGNATURE_MISMATCH})


@against(lambda signer: _stands_in_header(signer) and signer.unit == "iso", profiles=3)
@in_turn("tail", [b"+00:00", b".0Z", b".000Z"])
def test_a_moment_rendered_differently_breaks_the_signature(signer: Signer, tail: bytes) -> None:
    """Attack 10: the same moment in another spelling of ISO 8601."""
    sent = sample(signer)
    text = wire.stamp(signer, sent).removesuffix(b"Z") + tail
    refused_for(signer, wire.restamped(signer, sent, text), {Reason.SIGNATURE_MISMATCH})


@against(_timed, profiles=17)
def test_the_window_holds_its_last_moment(signer: Signer) -> None:
    """Attack 12: the documented seconds are inside, either way, and so is what lies between."""
    window = _window_ms(signer)
    for late_ms in (-window, -window // 2, 0, window // 2, window):
        assert verify(signer, received(signer, sample(signer), at_ms=NOW_MS + late_ms)) == 0


@against(_timed, profiles=17)
@in_turn("beyond_ms", [1, 1000, DAY_MS, 10 * YEAR_MS])
def test_a_replay_outside_the_window_is_refused(signer: Signer, beyond_ms: int) -> None:
    """Attack 12: a captured delivery dies with its window."""
    late_ms = NOW_MS + _window_ms(signer) + beyond_ms
    refused_for(signer, sample(signer), {Reason.TIMESTAMP_STALE}, at_ms=late_ms)


@against(_timed, profiles=17)
@in_turn("beyond_ms", [1, 1000, DAY_MS, 10 * YEAR_MS])
def test_a_timestamp_from_the_future_is_refused(signer: Signer, beyond_ms: int) -> None:
    """Attack 10: a date far ahead would keep a delivery alive until then; libraries forget it."""
    early_ms = NOW_MS - _window_ms(signer) - beyond_ms
    refused_for(signer, sample(signer), {Reason.TIMESTAMP_FUTURE}, at_ms=early_ms)


@against(lambda signer: _timed(signer) and in_header(signer), profiles=16)
def test_age_is_judged_behind_the_signature(signer: Signer) -> None:
    """Until the signature holds, the timestamp is a claim and explains nothing."""
    sent = sample(signer)
    assert signer.covered is not None
    forged = replace(sent, body=signer.covered(sent.body))
    reasons = {Reason.SIGNATURE_MISMATCH, Reason.DIGEST_MISMATCH}
    refused_for(signer, forged, reasons, at_ms=NOW_MS + DAY_MS)


def _unjudged(signer: Signer) -> bool:
    """Say whether there is a timestamp of its own, for which its provider names no tolerance."""
    return _stands_in_header(signer) and signer.timed is None


@against(_unjudged, profiles=9)
def test_where_no_tolerance_is_documented_none_is_made_up(signer: Signer) -> None:
    """Attack 12: a guessed window would refuse what the provider sends again after hours."""
    assert verify(signer, received(signer, sample(signer), at_ms=NOW_MS + YEAR_MS)) == 0


def _strict(signer: Signer, window_s: int) -> Profile:
    return load(signer.provider, {**signer.parameters, "window_s": window_s})


@against(lambda signer: _stands_in_header(signer) or signer.provider == "linear", profiles=24)
def test_an_operator_may_set_a_window_of_their_own(signer: Signer) -> None:
    """Attack 12: who would rather lose a late delivery than accept a replay can say so."""
    judged = replace(_strict(signer, 7), expected=profile(signer).expected)
    keys = ring(signer)
    sent = sample(signer)
    assert judged.verify(received(signer, sent, at_ms=NOW_MS + 7000), keys) == 0
    for at_ms, reason in (
        (NOW_MS + 7001, Reason.TIMESTAMP_STALE),
        (NOW_MS - 7001, Reason.TIMESTAMP_FUTURE),
    ):
        delivery = received(signer, sent, at_ms=at_ms)
        with pytest.raises(Exception, match=reason.value):
            judged.verify(delivery, keys)


@against(_stamped, profiles=28)
def test_a_replay_inside_the_window_is_the_same_event(signer: Signer) -> None:
    """Attack 11: it verifies, and whoever applies events once sees the same key again."""
    first = received(signer, sample(signer))
    again = replace(first, received_ms=NOW_MS + 1000)
    assert verify(signer, again) == 0
    assert profile(signer).identify(again) == profile(signer).identify(first)


@against(lambda signer: _kind(signer) == "claim", profiles=2)
def test_a_token_from_the_future_is_refused(signer: Signer) -> None:
    """Attack 10: a token issued tomorrow would be good until then."""
    reason = refusal(signer, received(signer, sample(signer), at_ms=NOW_MS - DAY_MS))
    assert reason is Reason.TIMESTAMP_FUTURE
