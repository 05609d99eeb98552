"""The rules of CloudEvents attributes: what a provider's text can and cannot do to a record."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingress.contract import cloudevents


@pytest.mark.parametrize(
    "text",
    ["evt_1", "a b", "café", "支付", "x" * 512, "100%", "a/b?c=d", "{}", "%n"],
)
def test_printable_text_travels_as_it_is(text: str) -> None:
    """An event id must be recognisable to whoever searches for it."""
    assert cloudevents.attribute(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\nb",
        "a\r\nce_id: forged",
        "nul\0",
        "esc\x1b[2J",
        "c1\x85",
        "lone\ud800",
        "bidi\u202etxt",
        "non\ufffe",
        "line\u2028sep",
        "private\ue000",
        "x" * 513,
    ],
)
def test_text_that_could_break_a_header_or_a_log_travels_as_its_digest(text: str) -> None:
    """Provider-controlled text never forges a line, hides itself or grows without bound."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    assert cloudevents.attribute(text) == "sha256:" + digest


@given(st.text(), st.text())
def test_two_texts_never_become_one_attribute(one: str, other: str) -> None:
    """Event keys are told apart by it: a collision would make one event swallow another."""
    assert (one == other) == (cloudevents.attribute(one) == cloudevents.attribute(other))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"application/json", "application/json"),
        (b"Application/JSON; charset=utf-8", "application/json"),
        (b"application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        (b"application/cloudevents+json", "application/octet-stream"),
        (b"APPLICATION/CLOUDEVENTS", "application/octet-stream"),
        (b"application/json\xff", "application/octet-stream"),
        (b"", "application/octet-stream"),
        (None, "application/octet-stream"),
    ],
)
def test_the_content_type_cannot_turn_a_record_into_a_structured_event(
    sent: bytes | None, kept: str
) -> None:
    """A reader that sees ``application/cloudevents`` parses the value instead of the headers."""
    assert cloudevents.content_type(sent) == kept


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_600_000_000_123, "2020-09-13T12:26:40.123Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_and_read_back(ms: int, text: str) -> None:
    """Subscribers in every language read this form; milliseconds must survive the trip."""
    assert cloudevents.timestamp(ms) == text
    assert cloudevents.timestamp_ms(text) == ms


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
@example(-1)
@example(999)
def test_every_moment_is_written_as_the_library_writes_it(ms: int) -> None:
    """Seconds and milliseconds are put together here, so that a second is written only once."""
    moment = EPOCH + timedelta(milliseconds=ms)
    written = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert cloudevents.timestamp(ms) == written
    assert cloudevents.timestamp_ms(written) == ms


@pytest.mark.parametrize(
    "text",
    [
        "2020-09-13T12:26:40.123456Z",
        "2020-09-13T12:26:40Z",
        "2020-09-13T14:26:40.123+02:00",
        "2020-09-13 12:26:40.123Z",
        "2020-W37-7T12:26:40.123Z",
        "2020-02-30T12:26:40.123Z",
        "2020-09-13T24:26:40.123Z",
        "2020-09-13T12:26:40,123Z",
        "2020-09-13T12:26:40.\uff11\uff12\uff13Z",
        "\uff12\uff10\uff12\uff10-09-13T12:26:40.123Z",
        "+2020-9-13T12:26:40.123Z",
        "20200913T122640.123.456Z",
    ],
)
def test_every_other_form_is_read_as_the_library_reads_it(text: str) -> None:
    """What stands on the log was written by any version of anybody: the short way is no other."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        with pytest.raises(ValueError, match=r"isoformat|range|must be"):
            cloudevents.timestamp_ms(text)
    else:
        assert cloudevents.timestamp_ms(text) == (moment - EPOCH) // timedelta(milliseconds=1)


@pytest.mark.parametrize("text", ["2020-09-13T12:26:40", "yesterday", ""])
def test_a_time_without_zone_is_refused(text: str) -> None:
    """A local time would be read differently on two machines."""
    with pytest.raises(ValueError, match=r"zone|isoformat"):
        cloudevents.timestamp_ms(text)


def test_a_repeated_attribute_is_refused() -> None:
    """Of two values one reader would take the first and another the last."""
    with pytest.raises(ValueError, match="ce_id is repeated"):
        cloudevents.from_headers([("ce_id", b"a"), ("ce_id", b"b")])
