"""What an envelope takes from a delivery, and what it leaves behind."""

from pathlib import Path

import pytest

from ingress import sources
from ingress.admit import seal
from ingress.schemes.parts.view import View
from ingress.settings import EdgeSettings, SourceSettings
from tests.support.builders import NOW_MS, SERVES, delivery

OURS = "019b0000-0000-7000-8000-000000000001"
THEIRS = b"019b0000-0000-7000-8000-00000000000f"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
JSON = (b"content-type", b"application/json; charset=utf-8")
FORM = (b"content-type", b"application/x-www-form-urlencoded")


@pytest.fixture(name="source")
def _source(tmp_path: Path) -> sources.Source:
    (tmp_path / "key").write_bytes(b"whsec_0123456789abcdef")
    said = SourceSettings.model_validate(
        {
            "slug": "shop",
            "provider": "stripe",
            "account": "main",
            "key": [{"id": "k1", "file": "key"}],
        }
    )
    built = sources.build(SERVES, [said], EdgeSettings.model_validate({}), sources.Origin(tmp_path))
    return built["shop"]


def test_nothing_that_was_read_of_a_delivery_waits_for_the_log(source: sources.Source) -> None:
    """A parsed body is several times the bytes that the budget in flight counts."""
    sent = delivery(body=b'{"id":"evt_1"}')
    View.of(sent)
    seal(sent, source, "k1", OURS)
    assert sent.seen is None


@pytest.mark.parametrize(
    ("headers", "correlation_id", "link", "content_type"),
    [
        ((), OURS, "", "application/octet-stream"),
        ((JSON, (b"x-correlation-id", THEIRS)), THEIRS.decode(), "", "application/json"),
        ((JSON, (b"x-correlation-id", b"a-1")), OURS, "", "application/json"),
        ((JSON, *2 * [(b"x-correlation-id", THEIRS)]), OURS, "", "application/json"),
        ((JSON, (b"traceparent", TRACE)), OURS, TRACE.decode(), "application/json"),
        ((JSON, *2 * [(b"traceparent", TRACE)]), OURS, "", "application/json"),
        ((FORM, JSON), OURS, "", "application/x-www-form-urlencoded"),
    ],
)
def test_an_id_is_carried_on_only_where_it_is_one(
    source: sources.Source,
    headers: tuple[tuple[bytes, bytes], ...],
    correlation_id: str,
    link: str,
    content_type: str,
) -> None:
    """Of two ids an attacker may have added one; of two types a record has the first."""
    envelope = seal(delivery(headers=headers), source, "k1", OURS)
    assert envelope.correlation_id == correlation_id
    assert envelope.trace_link == link
    assert envelope.content_type == content_type


@pytest.mark.parametrize(
    ("body", "occurred_ms", "untold"),
    [
        (b'{"id": "evt_1", "created": 1767225600}', 1_767_225_600_000, False),
        (b'{"id": "evt_1"}', NOW_MS, True),
    ],
)
def test_whose_time_it_is_stands_in_the_envelope(
    source: sources.Source, body: bytes, occurred_ms: int, untold: bool
) -> None:
    """The receipt in the place of a time that nobody told must not pass for one that was."""
    envelope = seal(delivery(body=body), source, "k1", OURS)
    assert (envelope.occurred_ms, envelope.untold) == (occurred_ms, untold)
