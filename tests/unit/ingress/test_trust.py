"""Who verified lately is believed: when everything of a source fails then, the fault is ours."""

import asyncio
import json
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.delivery import Reason
from ingress.trust import FAILURES_MIN, RECENT_MS, Memory, Trust, Turn, parse
from tests.support.builders import NOW_MS
from tests.support.gateway import log_lines

WRONG = Reason.SIGNATURE_MISMATCH
HOUR_MS = 3_600_000


class Told:
    """What a trust told, in order."""

    def __init__(self) -> None:
        self.turns: list[tuple[str, Turn]] = []

    def __call__(self, slug: str, turn: Turn) -> None:
        """Note it."""
        self.turns.append((slug, turn))


@pytest.fixture(name="told")
def _told() -> Told:
    return Told()


@pytest.fixture(name="trust")
def _trust(told: Told) -> Trust:
    return Trust(told)


def _fail(trust: Trust, count: int, now_ms: int, reason: Reason = WRONG) -> list[bool]:
    return [trust.failed("shop", reason, now_ms) for _ in range(count)]


def test_the_fifth_failure_in_a_row_after_a_verification_is_our_fault(
    trust: Trust, told: Told
) -> None:
    """A forgery or two are the day's business; five and nothing between them are a wrong key."""
    trust.verified("shop", NOW_MS)
    assert _fail(trust, 7, NOW_MS + 1) == [False] * 4 + [True] * 3
    assert told.turns == [("shop", Turn.BEGINS)]


def test_a_source_that_never_verified_is_never_suspected(trust: Trust) -> None:
    """Nothing says that its keys were ever right; and anybody may know its path."""
    assert not any(_fail(trust, 100, NOW_MS))


def test_a_source_that_has_been_silent_for_a_day_is_not_suspected(trust: Trust) -> None:
    """It may be closed; what comes now is for whoever closed it."""
    trust.verified("shop", NOW_MS)
    assert not any(_fail(trust, 100, NOW_MS + RECENT_MS))


@pytest.mark.parametrize(
    "reason",
    sorted(
        set(Reason)
        - {
            Reason.SIGNATURE_MISMATCH,
            Reason.KEY_UNKNOWN,
            Reason.KEY_MISSING,
            Reason.DIGEST_MISMATCH,
            Reason.CERTIFICATE_UNTRUSTED,
        }
    ),
)
def test_what_no_wrong_key_explains_is_not_our_fault(trust: Trust, reason: Reason) -> None:
    """A missing header or an old timestamp says nothing of keys, and must not hide a forger."""
    trust.verified("shop", NOW_MS)
    assert not any(_fail(trust, 100, NOW_MS, reason))
    assert not any(_fail(trust, FAILURES_MIN - 1, NOW_MS))


def test_one_verification_ends_the_suspicion(trust: Trust, told: Told) -> None:
    """The key is right again: the next forgery hears 401 like any other."""
    trust.verified("shop", NOW_MS)
    _fail(trust, 5, NOW_MS)
    trust.verified("shop", NOW_MS + 1)
    assert not any(_fail(trust, 4, NOW_MS + 2))
    assert told.turns == [("shop", Turn.BEGINS), ("shop", Turn.ENDS)]


@given(st.lists(st.integers(0, 40), max_size=30))
def test_forgeries_between_verifications_bring_nothing_about_before_the_fifth(
    floods: list[int],
) -> None:
    """However many a stranger sends, each delivery that verifies begins the count anew."""
    trust = Trust(Told())
    for flood in floods:
        trust.verified("shop", NOW_MS)
        for number, is_ours in enumerate(_fail(trust, flood, NOW_MS)):
            assert is_ours == (number >= FAILURES_MIN - 1)
        trust.verified("shop", NOW_MS)
        assert not trust.is_suspect("shop", NOW_MS)


def test_a_suspicion_lasts_a_day_from_its_beginning_and_no_longer(trust: Trust, told: Told) -> None:
    """Whoever mends the key has a day; a source that was given up is refused plainly after it."""
    trust.verified("shop", NOW_MS)
    begin_ms = NOW_MS + 23 * HOUR_MS
    assert _fail(trust, 5, begin_ms)[-1]
    assert _fail(trust, 1, begin_ms + RECENT_MS - 1) == [True]
    assert _fail(trust, 9, begin_ms + RECENT_MS) == [False] * 9
    assert told.turns == [("shop", Turn.BEGINS), ("shop", Turn.ENDS)]


def test_a_suspicion_ends_in_time_though_nothing_comes(trust: Trust, told: Told) -> None:
    """The gauge must fall, and the end be told, without a delivery to notice it."""
    trust.verified("shop", NOW_MS)
    _fail(trust, 5, NOW_MS)
    trust.expire(NOW_MS + RECENT_MS - 1)
    assert trust.is_suspect("shop", NOW_MS + RECENT_MS - 1)
    trust.expire(NOW_MS + RECENT_MS)
    assert not trust.is_suspect("shop", NOW_MS + RECENT_MS)
    assert told.turns[-1] == ("shop", Turn.ENDS)
    assert trust.dump() == Trust(Told()).dump()


def test_one_source_s_failures_say_nothing_of_another(trust: Trust) -> None:
    """A wrong key is a source's own."""
    trust.verified("shop", NOW_MS)
    trust.verified("other", NOW_MS)
    _fail(trust, 50, NOW_MS)
    assert not trust.failed("other", WRONG, NOW_MS)


def test_the_memory_holds_names_and_times_and_survives_a_restart(trust: Trust, told: Told) -> None:
    """Keys go wrong at restarts: the process that begins with a wrong one must know it was good."""
    trust.verified("shop", NOW_MS)
    trust.verified("suspect", NOW_MS)
    for _ in range(5):
        trust.failed("suspect", WRONG, NOW_MS + 5)
    content = trust.dump()
    assert json.loads(content) == {
        "version": 1,
        "sources": {"shop": [NOW_MS, 0], "suspect": [NOW_MS, NOW_MS + 5]},
    }
    again = Trust(told)
    again.load([parse(content, NOW_MS + 10)], NOW_MS + 10)
    assert _fail(again, 5, NOW_MS + 10)[-1]
    assert again.is_suspect("suspect", NOW_MS + 10)
    assert again.failed("suspect", WRONG, NOW_MS + 10)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"version":2,"sources":{}}',
        b'{"version":1}',
        b'{"version":1,"sources":[]}',
        b'{"version":1,"sources":{"shop":[1]}}',
        b'{"version":1,"sources":{"shop":[1,2,3]}}',
        b'{"version":1,"sources":{"shop":1}}',
        b'{"version":1,"sources":{"shop":["1",2]}}',
        b'{"version":1,"sources":{"shop":[-1,0]}}',
        b'{"version":1,"sources":{"shop":[1.5,0]}}',
        b'{"version":1,"sources":{"shop":[null,0]}}',
    ],
)
def test_a_memory_that_is_none_is_refused_whole(trust: Trust, content: bytes) -> None:
    """A disk can be full and a file half written; nothing of it may be half believed."""
    trust.verified("shop", NOW_MS)
    with pytest.raises(ValueError, match=r"."):
        parse(content, NOW_MS)
    assert _fail(trust, 5, NOW_MS)[-1]


@given(st.binary(max_size=200))
def test_any_bytes_are_loaded_or_refused_and_nothing_else(content: bytes) -> None:
    """The file is read at every start: no content of it may stop a gateway."""
    try:
        Trust(Told()).load([parse(content, NOW_MS)], NOW_MS)
    except ValueError:
        return


def test_a_time_to_come_is_remembered_as_now(trust: Trust) -> None:
    """A clock that was wrong for an hour must not make a source trusted for years."""
    content = b'{"version":1,"sources":{"shop":[99999999999999,99999999999999]}}'
    trust.load([parse(content, NOW_MS)], NOW_MS)
    assert trust.is_suspect("shop", NOW_MS)
    assert not trust.is_suspect("shop", NOW_MS + RECENT_MS)


async def test_the_file_is_written_whole_for_its_owner_alone(trust: Trust, tmp_path: Path) -> None:
    """Another account on the machine need not know which provider was heard last, nor say so."""
    path = tmp_path / "var" / "state.json"
    os.umask(0o000)
    try:
        memory = Memory(trust, path, lambda: NOW_MS)
        memory.start()
        trust.verified("shop", NOW_MS)
        await memory.stop()
    finally:
        os.umask(0o077)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["state.json"]
    again = Trust(Told())
    memory = Memory(again, path, lambda: NOW_MS)
    memory.start()
    await memory.stop()
    assert _fail(again, 5, NOW_MS)[-1]


@pytest.mark.parametrize("content", [b"no JSON", b"x" * (8 * 1024 * 1024 + 1), None])
async def test_a_file_that_cannot_be_read_is_told_of_once_and_starts_nothing_wrong(
    trust: Trust, tmp_path: Path, content: bytes | None
) -> None:
    """The edge starts without its memory: to refuse to start would lose more."""
    said = log_lines()
    path = tmp_path / "state.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    memory = Memory(trust, path, lambda: NOW_MS)
    memory.start()
    await memory.stop()
    assert len(said("state_unreadable")) == 1
    assert not any(_fail(trust, 10, NOW_MS))


async def test_a_file_that_is_not_there_yet_is_nothing_to_speak_of(
    trust: Trust, tmp_path: Path
) -> None:
    """It is the first start."""
    said = log_lines()
    path = tmp_path / "state.json"
    memory = Memory(trust, path, lambda: NOW_MS)
    memory.start()
    await memory.stop()
    assert said("state_unreadable") == []
    assert not path.exists()


async def test_a_disk_that_takes_nothing_is_told_of_and_disturbs_nobody(
    trust: Trust, tmp_path: Path
) -> None:
    """The memory is a help, and no delivery may wait or fail for it."""
    said = log_lines()
    (tmp_path / "file").write_text("in the way of a directory")
    memory = Memory(trust, tmp_path / "file" / "state.json", lambda: NOW_MS)
    memory.start()
    trust.verified("shop", NOW_MS)
    await memory.stop()
    assert len(said("state_not_kept")) == 1
    assert trust.is_changed


async def test_the_file_is_written_while_the_process_runs(trust: Trust, tmp_path: Path) -> None:
    """A process that is killed says nothing at its end, and its successor is to know as much."""
    path = tmp_path / "state.json"
    memory = Memory(trust, path, lambda: NOW_MS, keep_s=0.01)
    memory.start()
    trust.verified("shop", NOW_MS)
    async with asyncio.timeout(10):
        while not path.exists():
            await asyncio.sleep(0.01)
    assert json.loads(path.read_bytes())["sources"] == {"shop": [NOW_MS, 0]}
    await memory.stop()


async def test_a_state_file_that_is_a_pipe_keeps_nobody_waiting(
    trust: Trust, tmp_path: Path
) -> None:
    """Before it is read nothing is served, and no signal is heard."""

    def end() -> None:
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))

    said = log_lines()
    path = tmp_path / "state.json"
    os.mkfifo(path)
    writer = threading.Timer(2.0, end)
    writer.start()
    memory = Memory(trust, path, lambda: NOW_MS)
    memory.start()
    writer.cancel()
    await memory.stop()
    (line,) = said("state_unreadable")
    assert line["reason"] == "it is not a regular file"


async def test_the_state_is_not_written_through_a_link(trust: Trust, tmp_path: Path) -> None:
    """Who may write beside the file must not choose what the gateway overwrites."""
    other = tmp_path / "other"
    other.write_text("of somebody else")
    (tmp_path / "state.json.new").symlink_to(other)
    memory = Memory(trust, tmp_path / "state.json", lambda: NOW_MS)
    trust.verified("shop", NOW_MS)
    await memory.stop()
    assert other.read_text() == "of somebody else"
    assert "shop" in (tmp_path / "state.json").read_text()


def _memory(**sources: tuple[int, int]) -> bytes:
    return json.dumps({"version": 1, "sources": sources}).encode()


@pytest.mark.parametrize("own", ["edge-state.json", "edge-state-1.json", "edge-state-7.json"])
async def test_a_worker_begins_with_what_all_of_them_knew(tmp_path: Path, own: str) -> None:
    """A source's deliveries come to every worker: which of them heard the last one is chance."""
    then_ms, later_ms = NOW_MS - HOUR_MS, NOW_MS - HOUR_MS // 2
    first = _memory(shop=(then_ms, 0), wrong=(then_ms, later_ms), mended=(then_ms, then_ms + 1))
    (tmp_path / "edge-state.json").write_bytes(first)
    second = _memory(other=(later_ms, 0), wrong=(then_ms, 0), mended=(later_ms, 0))
    (tmp_path / "edge-state-1.json").write_bytes(second)
    (tmp_path / "edge-state-1.json.new").write_bytes(_memory(rest=(then_ms, then_ms)))
    (tmp_path / "edge-state-of-another.json").write_bytes(_memory(stranger=(then_ms, then_ms)))
    trust = Trust(told := Told())
    memory = Memory(trust, tmp_path / own, lambda: NOW_MS)
    memory.start()
    await memory.stop()
    assert told.turns == [("wrong", Turn.BEGINS)]
    assert json.loads(trust.dump())["sources"] == {
        "shop": [then_ms, 0],
        "other": [later_ms, 0],
        "wrong": [then_ms, later_ms],
        "mended": [later_ms, 0],
    }


async def test_the_memory_of_another_worker_that_is_damaged_costs_only_itself(
    tmp_path: Path,
) -> None:
    """One half-written file must not make all workers forget."""
    said = log_lines()
    (tmp_path / "state.json").write_bytes(_memory(shop=(NOW_MS, 0)))
    (tmp_path / "state-1.json").write_bytes(b"{")
    trust = Trust(Told())
    memory = Memory(trust, tmp_path / "state-2.json", lambda: NOW_MS)
    memory.start()
    await memory.stop()
    assert _fail(trust, 5, NOW_MS)[-1]
    assert [line["file"] for line in said("state_unreadable")] == [str(tmp_path / "state-1.json")]
