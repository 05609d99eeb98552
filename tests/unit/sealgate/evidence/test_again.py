"""Records that name a key which is over: made by hand, and what each is worth.

The table is worked out from what a gateway does: it proves with a key until its end and never
after, and it writes what it proved at once, or later from a journal.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Partition, Position, Record
from ingress.keyring import Live, Ring, Status
from ingress.schemes.parts.keys import Key
from ingress.settings import KeySettings, SourceSettings
from ingress.sources import Source
from sealgate.evidence import judging
from sealgate.evidence.again import Again, take
from sealgate.evidence.claims import Verdict
from sealgate.evidence.judging import CLOCKS_MS
from sealgate.tail.proving import Prover
from tests.support.attacks import ring
from tests.unit.sealgate.tail.test_proving import BTCPAY, sealed, source

ENVELOPE = sealed(BTCPAY)
AT_MS = ENVELOPE.received_ms
LONG_MS = 10 * CLOCKS_MS
NAME = "btcpay/main/" + ENVELOPE.event_key


def configured(
    status: str, end_ms: int | None, *, has_file: bool = True, overwritten: bool = False
) -> Source:
    """Configure the source with the key that proved the envelope, over by now."""
    ends = None if end_ms is None else datetime.fromtimestamp(end_ms / 1000, UTC)
    key = KeySettings.model_validate(
        {"id": "k0", "file": "k0", "status": Status(status), "not_after": ends}
    )
    setting = SourceSettings(slug="shop", provider="btcpay", key=[key])
    material = Key(b"x" * 20) if overwritten else ring(BTCPAY)[0]
    live = Live("k0", material, Status(status), not_after_ms=end_ms)
    return source(BTCPAY, setting=setting, ring=Ring([live] if has_file else []))


def asked(
    configured_so: Source, *envelopes: Envelope, written_ms: int = AT_MS
) -> tuple[Again, Verdict]:
    """Verify records again, together with one that a key in use proves."""
    used = source(BTCPAY, slug="other", account="other", uri="urn:sealgate:test:other")
    prover = Prover({"shop": configured_so, "other": used}, "test")
    found = Again()
    place = Position(Partition("t", 0), 0)
    live = replace(ENVELOPE, account="other", source=used.uri)
    for one in (*envelopes, live):
        take(found, prover, Record(place, one.key, one.body, (), written_ms), one)
    found.end()
    judged = judging.verified_again(found.words, found.wrong, "", found.unknown, found.old)
    return found, judged.verdict


def _plain(one: Envelope) -> Envelope:
    return one


def _forged(one: Envelope) -> Envelope:
    (name, value), *_ = one.signed_headers
    return replace(one, signed_headers=((name, value[:-1] + b"0"),), event_key=one.event_key)


def _turned(one: Envelope) -> Envelope:
    return replace(one, payment_ref="another")


def _verified_later(one: Envelope) -> Envelope:
    """Let it have been refused, kept, and verified late: what counts is when that was."""
    return replace(one, late_ms=one.received_ms + LONG_MS)


@pytest.mark.parametrize(
    ("settings", "change", "written_after_ms", "verdict"),
    [
        # Revoked, and when: received and written before its end, and the file bears it out.
        (("revoked", LONG_MS, True), _plain, 0, Verdict.PROVEN),
        # Received when it was over: no gateway would have taken it, whatever is signed.
        (("revoked", -CLOCKS_MS, True), _plain, 0, Verdict.FAILED),
        (("revoked", -CLOCKS_MS, False), _plain, 0, Verdict.FAILED),
        (("verify-only", -CLOCKS_MS, True), _plain, 0, Verdict.FAILED),
        # Within what clocks differ nobody can tell.
        (("revoked", 0, True), _plain, 0, Verdict.NOT_YET),
        (("revoked", 1 - CLOCKS_MS, True), _plain, 0, Verdict.NOT_YET),
        # Received before and written long after: a journal, or somebody who has the key.
        (("revoked", LONG_MS, True), _plain, LONG_MS + CLOCKS_MS, Verdict.NOT_YET),
        (("revoked", LONG_MS, True), _plain, LONG_MS + CLOCKS_MS - 1, Verdict.PROVEN),
        # Nobody knows when it was revoked, or the file is gone.
        (("revoked", None, True), _plain, 0, Verdict.NOT_YET),
        (("revoked", LONG_MS, False), _plain, 0, Verdict.NOT_YET),
        (("revoked", None, False), _plain, 0, Verdict.NOT_YET),
        # Signed well, and the record says other things than what was signed.
        (("revoked", LONG_MS, True), _turned, 0, Verdict.FAILED),
        # Verified late, when the key was over.
        (("revoked", LONG_MS - CLOCKS_MS, True), _verified_later, 0, Verdict.FAILED),
        (("revoked", 2 * LONG_MS, True), _verified_later, 0, Verdict.PROVEN),
    ],
)
def test_a_record_of_a_key_that_is_over_is_worth_what_time_and_file_say(
    settings: tuple[str, int | None, bool],
    change: Callable[[Envelope], Envelope],
    written_after_ms: int,
    verdict: Verdict,
) -> None:
    """Whoever may write to the topic names the key that is checked least."""
    status, after_ms, has_file = settings
    end_ms = None if after_ms is None else AT_MS + after_ms
    made = configured(status, end_ms, has_file=has_file)
    _, judged = asked(made, change(ENVELOPE), written_ms=AT_MS + written_after_ms)
    assert judged is verdict


def test_what_the_file_does_not_bear_out_is_forged_only_if_it_is_the_key() -> None:
    """A revoked key's file may have been overwritten: then it says nothing of any record."""
    end_ms = AT_MS + LONG_MS
    found, verdict = asked(configured("revoked", end_ms), _forged(ENVELOPE), ENVELOPE)
    assert (verdict, found.wrong) == (Verdict.FAILED, [NAME])
    found, verdict = asked(configured("revoked", end_ms), _forged(ENVELOPE))
    assert (verdict, found.wrong, found.untold.total()) == (Verdict.NOT_YET, [], 1)
    found, verdict = asked(configured("revoked", end_ms, overwritten=True), ENVELOPE)
    assert (verdict, found.wrong, found.untold.total()) == (Verdict.NOT_YET, [], 1)


def test_a_key_that_proves_no_deliveries_proves_none_when_it_is_named() -> None:
    """A handshake's token stands in the configuration, too, and is nothing that signs."""
    key = KeySettings(id="hello", file=Path("hello"), role="handshake")
    setting = SourceSettings(slug="shop", provider="btcpay", key=[key])
    forged = replace(_forged(ENVELOPE), key_id="hello")
    found, verdict = asked(source(BTCPAY, setting=setting), forged)
    assert (found.unknown, verdict) == (1, Verdict.NOT_YET)


def test_what_contradicts_says_so_and_what_is_open_says_what_to_do() -> None:
    """The first is for an incident; the second is one line of the configuration."""
    after = judging.OldKeys(after=[NAME])
    told = judging.verified_again({}, [], "", old=after)
    assert told.verdict is Verdict.FAILED
    assert told.why.startswith(NAME)
    assert "`sealgate keys exposure SOURCE KEY`" in told.why
    untold = judging.OldKeys(proven=3, untold={"shop/k0": 2})
    told = judging.verified_again({}, [], "", old=untold)
    assert told.verdict is Verdict.NOT_YET
    assert told.why.startswith("2 records name a key that is over, shop/k0: write the instant")
    assert ("of a key that is over, and nobody can tell: shop/k0", "2") in told.looked_at
