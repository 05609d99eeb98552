"""What was refused wrongly is taken back, once; and nothing else ever is."""

import base64
import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingress import sealing
from ingress.contract import topics
from ingress.contract.quarantined import Release
from ingress.eventlog.port import EventLog, LogUnavailable, Message, Position
from ingress.settings import QuarantineSettings
from sealgate.building import build_sources
from sealgate.quarantine import archive
from sealgate.quarantine.asked import Selection
from sealgate.quarantine.command import Means, verify_again
from sealgate.quarantine.fetched import Keys
from sealgate.quarantine.judge import Fate
from sealgate.quarantine.reverify import Court, reverify
from sealgate.quarantine.wanted import Wanted
from tests.support.builders import NOW_MS
from tests.support.gateway import NEW_SECRET, OLD_SECRET
from tests.support.quarantined import (
    ENVIRONMENT,
    LATER_MS,
    SETTLED,
    Ground,
    kept,
    number,
    refused,
    reverified,
)


@pytest.fixture(name="ground")
def _ground(tmp_path: Path) -> Ground:
    ground = Ground(tmp_path)
    ground.source("shop", "btcpay", {"k1": OLD_SECRET})
    return ground


def test_a_dry_run_says_what_would_be_published_and_publishes_nothing(ground: Ground) -> None:
    """An operator sees what a key would let in before it is let in."""
    ground.keep(kept(SETTLED))
    code, told = reverified(ground)
    assert code == 0
    line, summary, hint = told.splitlines()
    assert line.startswith(f"{number(1)}  shop  would be published as ")
    assert "InvoiceSettled d-1, proven by 'k1'" in line
    assert summary == "1 would be published"
    assert "dry run" in hint
    assert "--apply" in hint
    assert ground.published() == []
    assert ground.releases() == []


def test_what_verifies_is_published_once_marked_as_verified_late(ground: Ground) -> None:
    """The money moves, the record says how late, and a second run finds nothing to do."""
    ground.keep(kept(SETTLED))
    assert reverified(ground, apply=True)[0] == 0
    (event,) = ground.published()
    assert event.body == SETTLED.body
    assert (event.event_key, event.payment_ref, event.key_id) == ("d-1", "inv-1", "k1")
    assert (event.received_ms, event.late_ms) == (NOW_MS, LATER_MS)
    assert event.correlation_id == number(1)
    release = Release(number(1), ENVIRONMENT, "shop", "d-1", "k1", LATER_MS)
    assert ground.releases() == [release]
    code, told = reverified(ground, apply=True)
    assert code == 0
    assert f"{number(1)}  shop  already released as d-1" in told
    assert "0 published; 1 already released" in told
    assert len(ground.published()) == 1


def test_the_id_of_the_refusal_outlives_one_that_the_request_carried(ground: Ground) -> None:
    """The refusal was answered and logged with one id, and by that one it is looked for."""
    carried = (b"x-correlation-id", b"019b0000-0000-7000-8000-00000000beef")
    ground.keep(kept(replace(SETTLED, headers=(*SETTLED.headers, carried))))
    reverified(ground, apply=True)
    assert [event.correlation_id for event in ground.published()] == [number(1)]


def test_a_forgery_stays_refused_beside_what_is_true(ground: Ground) -> None:
    """To look again is not to let in: who has no key is refused as often as anybody looks."""
    forged = refused(SETTLED.body, b"guessed")
    ground.keep(kept(forged, 1), kept(SETTLED, 2), kept(forged, 3))
    code, told = reverified(ground, apply=True)
    assert code == 3
    assert f"{number(1)}  shop  still refused because no_matching_signature" in told
    assert "1 published; 2 still refused" in told
    assert [event.correlation_id for event in ground.published()] == [number(2)]
    assert [release.id for release in ground.releases()] == [number(2)]


def test_what_is_sealed_is_opened_and_what_does_not_open_says_why(ground: Ground) -> None:
    """The quarantine's own keys rotate too; a lost one loses what it sealed and nothing else."""
    for name, byte in (("held", b"h"), ("lost", b"l")):
        (ground.directory / name).write_bytes(base64.b64encode(byte * 32))
    both = {name: _one_key(ground.directory, name) for name in ("held", "lost")}
    ground.tables = '[[quarantine.key]]\nid = "held"\nfile = "held"'
    ground.keep(
        kept(SETTLED, 1, seals=both["held"]),
        kept(SETTLED, 2, seals=both["lost"]),
        replace(kept(SETTLED, 1, seals=both["held"]), id=number(3)),
    )
    code, told = reverified(ground, apply=True)
    assert code == 3
    assert [event.correlation_id for event in ground.published()] == [number(1)]
    assert f"{number(2)}  shop  not opened: it is sealed with the key 'lost', which is not" in told
    assert f"{number(3)}  shop  not opened: the key 'held' does not open it" in told


@pytest.mark.parametrize(
    ("kept_as", "changed_to"),
    [
        ("certificate_refused", "no_matching_signature"),
        ("address_refused", "no_matching_signature"),
        ("no_matching_signature", "address_refused"),
    ],
)
def test_a_sealed_record_whose_reason_was_changed_does_not_open(
    ground: Ground, kept_as: str, changed_to: str
) -> None:
    """The reason decides what is asked of it, and whoever writes to the topic could change it."""
    (ground.directory / "held").write_bytes(base64.b64encode(b"h" * 32))
    ground.tables = '[[quarantine.key]]\nid = "held"\nfile = "held"'
    sealed = kept(SETTLED, 1, kept_as, seals=_one_key(ground.directory, "held"))
    ground.keep(replace(sealed, reason=changed_to))
    code, told = reverified(ground, apply=True)
    assert code == 3
    assert f"{number(1)}  shop  not opened: the key 'held' does not open it" in told
    assert ground.published() == []


def _one_key(directory: Path, name: str) -> sealing.Seals:
    settings = QuarantineSettings.model_validate({"key": [{"id": name, "file": name}]})
    return sealing.seals(settings, directory)


def test_a_key_that_is_revoked_meanwhile_proves_nothing_more(ground: Ground) -> None:
    """A day's refusals take minutes, and a revocation is in force within a second everywhere."""
    ground.keep(kept(SETTLED, 1), kept(SETTLED, 2))

    class Revoking(io.StringIO):
        """An operator who revokes the key when the first delivery is told."""

        def write(self, text: str) -> int:
            if number(1) in text:
                path = ground.config
                path.write_text(path.read_text() + 'status = "revoked"\n')
                time.sleep(1.0)
            return super().write(text)

    out = Revoking()
    means = Means(ground.write(), {}, lambda: LATER_MS, out)
    assert verify_again(means, Selection(), apply=True) == 3
    assert f"{number(2)}  shop  still refused because" in out.getvalue()
    assert [event.correlation_id for event in ground.published()] == [number(1)]


def test_a_delivery_of_a_source_that_is_gone_says_so(ground: Ground) -> None:
    """Its keys are gone with it: nothing else may stand in for them."""
    ground.keep(kept(replace(SETTLED, source="closed")))
    code, told = reverified(ground, apply=True)
    assert code == 3
    assert "of no source: 'closed' is not configured any more" in told
    assert ground.published() == []


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({}, [1, 2, 3]),
        ({"source": "shop"}, [1, 2]),
        ({"source": "nobody"}, []),
        ({"reason": "timestamp_too_old"}, [2]),
        ({"id": (number(3), number(1))}, [1, 3]),
        ({"since": "2026-01-01T00:00:01Z"}, [3]),
        ({"until": "2026-01-01T00:00:01Z"}, [1, 2]),
        ({"since": "2026-01-01T00:00:00Z", "until": "1767225601"}, [1, 2]),
    ],
)
def test_only_what_is_meant_is_looked_at(
    ground: Ground, selection: dict[str, Any], found: list[int]
) -> None:
    """An operator lets in what one cause has kept out, and nothing by the way."""
    ground.source("till", "btcpay", {"k1": NEW_SECRET})
    other = replace(refused(SETTLED.body, NEW_SECRET), source="till", received_ms=NOW_MS + 1000)
    ground.keep(kept(SETTLED, 1), kept(SETTLED, 2, "timestamp_too_old"), kept(other, 3))
    reverified(ground, apply=True, **selection)
    assert sorted(release.id for release in ground.releases()) == [number(one) for one in found]


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"reason": "no_such"}, "there are: address_not_allowed, "),
        ({"since": "yesterday"}, "--since: 'yesterday' is no moment"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "--since is not before --until"),
    ],
)
def test_a_selection_that_means_nothing_is_told(
    ground: Ground, capsys: pytest.CaptureFixture[str], selection: dict[str, str], said: str
) -> None:
    """A reason misspelt would find nothing, and be read as: nothing is wrong."""
    assert reverified(ground, **selection) == (2, "")
    assert said in capsys.readouterr().err


def test_a_record_that_cannot_be_read_is_counted_and_keeps_nobody_else(ground: Ground) -> None:
    """Whatever lies in the topic, the deliveries behind it are still reached."""
    sound = kept(SETTLED)
    key, headers, value = sound.encode()
    foreign = replace(sound, environment="live")
    ground.put([(key, (), b"?"), (key, foreign.encode()[1], value), (key, headers, value)])
    code, told = reverified(ground, apply=True)
    assert code == 3
    assert "1 published; 2 not readable by this version" in told
    assert len(ground.published()) == 1


def test_without_its_log_it_says_so(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is kept, and the log is away, are two different things for who operates this."""
    assert reverified(ground, apply=True) == (69, "")
    told = capsys.readouterr().err
    assert "the log is not available: " in told
    assert "log.db cannot be opened" in told
    assert not (ground.directory / "log.db").exists()


def test_with_a_mistake_in_the_configuration_it_does_nothing(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the keys would leave half refused, and nobody would know why."""
    ground.keep(kept(SETTLED))
    (ground.directory / "shop-k1").unlink()
    ground.tables = '[[quarantine.key]]\nid = "k"\nfile = "absent"'
    assert reverified(ground, apply=True) == (78, "")
    assert "source 'shop' key 'k1'" in capsys.readouterr().err
    (ground.directory / "shop-k1").write_bytes(OLD_SECRET)
    assert reverified(ground, apply=True) == (78, "")
    assert "quarantine.key 'k'" in capsys.readouterr().err


def test_no_secret_is_printed(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """What a command prints goes into tickets and chats."""
    ground.keep(kept(SETTLED, 1), kept(refused(SETTLED.body, b"guessed"), 2))
    _, told = reverified(ground, apply=True)
    shown = told + capsys.readouterr().err
    assert OLD_SECRET.decode() not in shown
    assert "inv-1" not in shown


class _Crash(Exception):
    """The process ended here."""


async def _judged(ground: Ground, log: EventLog, publish: Any) -> dict[Fate, int]:
    configuration = ground.read()
    opened = await archive.opened(log, ENVIRONMENT)
    look = await opened.look(Wanted())
    sources = build_sources(configuration)
    court = Court(sources, sealing.Seals(), Keys(sources, (), lambda: LATER_MS), lambda: LATER_MS)
    return await reverify(opened, look, Wanted(), court, publish, lambda *_: None)


def test_a_crash_before_the_release_leaves_an_event_that_is_published_again(
    ground: Ground,
) -> None:
    """The harmless order: a release before its event would lose the event for good."""
    ground.keep(kept(SETTLED))

    async def crashed(log: EventLog) -> None:
        publisher = log.publisher(deadline_s=20)
        await publisher.start()

        async def publish(message: Message) -> Position:
            if message.topic == topics.quarantine(ENVIRONMENT):
                raise _Crash
            return await publisher.publish(message)

        with pytest.raises(_Crash):
            await _judged(ground, log, publish)
        await publisher.stop()

    ground.ask(crashed)
    assert len(ground.published()) == 1
    assert ground.releases() == []
    assert reverified(ground, apply=True)[0] == 0
    assert [event.event_key for event in ground.published()] == ["d-1", "d-1"]
    assert len(ground.releases()) == 1


def test_nothing_is_released_that_the_log_did_not_take(ground: Ground) -> None:
    """A log that goes away in the middle: what was not confirmed is tried again next time."""
    ground.keep(kept(SETTLED))
    tried: list[str] = []

    async def away(message: Message) -> Position:
        tried.append(message.topic)
        raise LogUnavailable("gone")

    async def asked(log: EventLog) -> None:
        with pytest.raises(LogUnavailable):
            await _judged(ground, log, away)

    ground.ask(asked)
    assert tried == [topics.verified(ENVIRONMENT)]
    assert ground.releases() == []


def test_a_thousand_kept_deliveries_are_read_to_the_last(ground: Ground) -> None:
    """They are read in pieces, and no piece is left out or read twice."""
    records = [kept(refused(b'{"n":%d}' % count), count) for count in range(1000)]
    ground.keep(*records)
    code, told = reverified(ground)
    assert code == 0
    assert "1000 would be published" in told
    assert len({line.split()[0] for line in told.splitlines()[:1000]}) == 1000


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"source": "shpo"}, "there is no source 'shpo'"),
        ({"id": (number(9),)}, f"no delivery {number(9)} is kept"),
    ],
)
def test_a_name_of_nothing_is_not_taken_for_nothing_left(
    ground: Ground, capsys: pytest.CaptureFixture[str], selection: dict[str, Any], said: str
) -> None:
    """The runbooks close when this exits with 0: misspelt, it would close an open incident."""
    ground.keep(kept(SETTLED))
    assert reverified(ground, **selection) == (2, "")
    assert said in capsys.readouterr().err


def test_a_source_with_nothing_kept_has_nothing_left(ground: Ground) -> None:
    """Nothing was refused, and that is what is asked."""
    ground.source("till", "btcpay", {"k1": NEW_SECRET})
    ground.keep(kept(SETTLED))
    assert reverified(ground, source="till")[0] == 0
