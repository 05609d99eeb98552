"""Golden bytes of every envelope version ever written: they must be read for ever.

The files in ``tests/vectors/wire`` are never regenerated. A new version adds a file.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ingress.contract.envelope import Assurance, Coverage, Envelope, Mode

WIRE = Path(__file__).parents[1] / "vectors" / "wire"
GOLDEN = json.loads((WIRE / "v1.json").read_text())
GOLDEN_2 = json.loads((WIRE / "v2.json").read_text())


def _read(row: dict[str, Any]) -> Envelope:
    headers = [(name, text.encode()) for name, text in row["headers"]]
    return Envelope.decode(headers, base64.b64decode(row["value_base64"]))


def test_a_payment_of_version_1_still_means_what_it_meant() -> None:
    """The log is the evidence: a record of years ago must decode to the same facts."""
    envelope = _read(GOLDEN[0])
    assert envelope.event_key == "evt_1"
    assert envelope.payment_ref == "pi_1"
    assert envelope.event_type == "payment_intent.succeeded"
    assert envelope.occurred_ms == 1_700_000_000_000
    assert envelope.received_ms == 1_700_000_001_500
    assert (envelope.coverage, envelope.assurance) == (Coverage.FULL, Assurance.A)
    assert envelope.signed_headers == (("stripe-signature", b"t=1700000001,v1=ab"),)
    assert envelope.body == b'{"id": "evt_1",  "n": 10.10}'


def test_an_odd_record_of_version_1_still_means_what_it_meant() -> None:
    """Absent subject, empty body, octets beyond ASCII: the corners are part of the promise."""
    envelope = _read(GOLDEN[1])
    assert envelope.event_key == "msg_é"
    assert envelope.payment_ref == ""
    assert envelope.signed_headers == (("btcpay-sig", b"sha256=\xff"),)
    assert envelope.trace_link == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert envelope.body == b""


def test_version_1_says_nothing_of_what_only_version_2_knows() -> None:
    """An old record must not be taken for live, for test, or for one that was verified late."""
    envelope = _read(GOLDEN[0])
    assert (envelope.mode, envelope.signed_ms, envelope.late_ms) == (Mode.UNKNOWN, None, None)


def test_version_2_still_means_what_it_meant() -> None:
    """The mode, the time of signing and the late mark are evidence too."""
    paid, late = map(_read, GOLDEN_2)
    assert (paid.mode, paid.signed_ms, paid.late_ms) == (Mode.LIVE, 1_700_000_001_000, None)
    assert (late.mode, late.signed_ms, late.late_ms) == (Mode.UNKNOWN, None, 1_700_086_400_000)
    assert paid.key == b"test/stripe/acct-eu/pi_1"


@pytest.mark.parametrize("row", GOLDEN_2, ids=lambda row: row["name"])
def test_version_2_is_still_written_as_it_was(row: dict[str, Any]) -> None:
    """Writers of two releases run side by side: a changed byte needs a new version."""
    key, headers, value = _read(row).encode()
    assert key.decode() == row["key"]
    assert [[name, text.decode()] for name, text in headers] == row["headers"]
    assert value == base64.b64decode(row["value_base64"])
