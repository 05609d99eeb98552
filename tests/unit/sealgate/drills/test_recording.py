"""A drill in the audit log: shown before it is written, written once, and held by the chain."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.store.connect import connect
from consumers.store.port import Store
from sealgate.__main__ import application
from sealgate.config import Configuration, read
from sealgate.drills.recording import run
from sealgate.drills.sheet import Sheet
from sealgate.drills.told import Told
from tests.support.audited import audit, tamper

SETTINGS = """
environment = "sandbox"
[log]
url = "embedded:./log.db"
[store]
url = "sqlite:./store.db"
[operators]
people = ["ann", "ben"]
"""
TOLD = Told(record=True, by="ann", role="security", note="before the audit", key="DR-7")
Output = pytest.CaptureFixture[str]


@pytest.fixture(name="configuration")
def _configuration(tmp_path: Path) -> Configuration:
    """Make a store that a worker has made before."""
    (tmp_path / "sealgate.toml").write_text(SETTINGS)
    configuration = read(tmp_path / "sealgate.toml", {})

    async def make(_: Store) -> None:
        """Nothing is in it."""

    use(configuration, make)
    return configuration


def use(configuration: Configuration, ask: Callable[[Store], Awaitable[None]]) -> None:
    """Ask the store of the configuration."""

    async def ask_it() -> None:
        store = connect(f"sqlite://{configuration.base}/store.db")
        await store.open("sandbox")
        await ask(store)
        await store.close()

    asyncio.run(ask_it())


def sheet_of(*, holds: bool = True) -> bytes:
    """Write the sheet of a drill with two checks."""
    sheet = Sheet("fire", "drill-1", {"shut": "it is", "told": "they are"}, version="1.2.3")
    sheet.check("shut", "it is", holds=True)
    sheet.check("told", "1 person", holds=holds)
    return sheet.json()


def actions(configuration: Configuration) -> list[list[Any]]:
    """Read what the commands' chain says was done, after an audit of all there is."""
    found: list[list[Any]] = []

    async def look(store: Store) -> None:
        assert (await audit(store)).problems == []
        async with store.auditing() as moment:
            async for entry in moment.entries("operator", 0):
                found.extend(json.loads(entry.content).get("actions", ()))

    use(configuration, look)
    return found


def test_without_a_word_nothing_is_written_and_what_would_be_is_shown(
    configuration: Configuration, capsys: Output
) -> None:
    """What is kept for ever is looked at first."""
    before = (configuration.base / "store.db").read_bytes()
    assert run(configuration, sheet_of(), Told(), sys.stdout) == 0
    first, second, _, last = capsys.readouterr().out.splitlines()
    assert first == "drill       fire: passed, 2 of 2 checks"
    assert second == "played      in drill-1, by version 1.2.3"
    assert last == "not written: say --record to have it in the audit log of sandbox"
    assert (configuration.base / "store.db").read_bytes() == before
    assert actions(configuration) == []


@pytest.mark.parametrize(("holds", "reason", "held"), [(True, "passed", 2), (False, "failed", 1)])
def test_a_drill_is_an_entry_of_the_chain_that_names_its_sheet(
    configuration: Configuration, capsys: Output, reason: str, held: int, *, holds: bool
) -> None:
    """An auditor holds the sheet against the digest, and the digest is held by the chain."""
    content = sheet_of(holds=holds)
    assert run(configuration, content, TOLD, sys.stdout) == 0
    assert "written: in the audit log of sandbox, as DR-7" in capsys.readouterr().out
    [action] = actions(configuration)
    assert (*action[:2], *action[6:8]) == ("DR-7", "drill", "ann", "security")
    assert action[9:11] == [f"drill_{reason}", "before the audit"]
    assert json.loads(action[11]) == {
        "drill": "fire",
        "environment": "drill-1",
        "version": "1.2.3",
        "passed": holds,
        "held": held,
        "checks": 2,
        "sheet": f"sha256:{hashlib.sha256(content).hexdigest()}",
    }


def test_who_reaches_past_the_program_to_make_it_pass_is_found(
    configuration: Configuration,
) -> None:
    """A failed drill is what somebody would like not to have been."""
    assert run(configuration, sheet_of(holds=False), TOLD, sys.stdout) == 0
    url = f"sqlite://{configuration.base}/store.db"
    asyncio.run(tamper(url, "UPDATE operator_action SET reason = 'drill_passed'"))
    problems: list[str] = []

    async def look(store: Store) -> None:
        problems.extend([one.text for one in (await audit(store)).problems])

    use(configuration, look)
    assert any("operator_action: no entry names this row" in text for text in problems)


def test_it_is_written_once_and_another_sheet_needs_another_key(
    configuration: Configuration, capsys: Output
) -> None:
    """Whoever is not sure says it again; nobody puts another sheet in a sheet's place."""
    assert run(configuration, sheet_of(), TOLD, sys.stdout) == 0
    assert run(configuration, sheet_of(), TOLD, sys.stdout) == 0
    assert "written before: in the audit log" in capsys.readouterr().out
    assert run(configuration, sheet_of(holds=False), TOLD, sys.stdout) == 1
    assert "idempotency_key_reused" in capsys.readouterr().err
    assert run(configuration, sheet_of(), replace(TOLD, by="ben"), sys.stdout) == 1
    assert len(actions(configuration)) == 1


def test_whoever_asks_for_its_key_is_told_who_had_it_written_down(
    configuration: Configuration, capsys: Output
) -> None:
    """`sealgate trace` of a ticket's number, years later."""
    run(configuration, sheet_of(), TOLD, sys.stdout)
    capsys.readouterr()
    about = ["--config", str(configuration.base / "sealgate.toml")]
    assert application()(["trace", "DR-7", *about], result_action="return_value") == 0
    told = capsys.readouterr().out
    assert "stated by ourselves: ann (security) did drill" in told
    assert "reason drill_passed: before the audit" in told


def changed(**told: object) -> bytes:
    """Change a sheet by hand."""
    return json.dumps(json.loads(sheet_of(holds=False)) | told).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no evidence sheet"),
        (b"\xff", "no evidence sheet"),
        (b"[]", "no evidence sheet"),
        (b"# Drill fire: PASSED", "no evidence sheet"),
        (changed(checks=[]), "no evidence sheet"),
        (changed(checks=[{"name": "shut"}]), "no evidence sheet"),
        (changed(format="2"), "no evidence sheet"),
        (changed(drill=""), "no evidence sheet"),
        (changed(version=None), "no evidence sheet"),
        (changed(environment="two\nlines"), "no evidence sheet"),
        (changed(passed=True), "verdict is not that of its checks"),
        (changed(passed="no"), "verdict is not that of its checks"),
        (changed(checks=[{"holds": 1}], passed=True), "verdict is not that of its checks"),
    ],
)
def test_what_is_no_sheet_or_contradicts_itself_is_refused(
    configuration: Configuration, capsys: Output, content: bytes, why: str
) -> None:
    """What is kept for ever says at least of itself what it says."""
    assert run(configuration, content, TOLD, sys.stdout) == 2
    assert why in capsys.readouterr().err
    assert actions(configuration) == []


@pytest.mark.parametrize(
    ("told", "code", "exits"),
    [
        ({"role": "boss"}, "invalid_request", 2),
        ({"by": " "}, "invalid_request", 2),
        ({"by": "..."}, "invalid_request", 2),
        ({"key": ""}, "invalid_request", 2),
        ({"note": ""}, "invalid_request", 2),
        ({"note": "two\nlines"}, "invalid_request", 2),
        ({"by": "eve"}, "person_unknown", 1),
    ],
)
def test_nobody_writes_it_without_a_name_that_is_known(
    configuration: Configuration, capsys: Output, told: dict[str, str], code: str, exits: int
) -> None:
    """A record that nobody made is no evidence."""
    assert run(configuration, sheet_of(), replace(TOLD, **told), sys.stdout) == exits
    assert capsys.readouterr().err.startswith(code)
    assert actions(configuration) == []


def test_the_command_takes_these_words(configuration: Configuration, capsys: Output) -> None:
    """As docs/audit.md types it; a sheet that is not there is named."""
    where = configuration.base
    (where / "evidence.json").write_bytes(sheet_of())
    about = ["--config", str(where / "sealgate.toml")]
    words = ["--record", "--by", "ann", "--role", "security", "--note", "x", "--key", "DR-7"]
    command = ["audit", "drill", str(where / "evidence.json"), *words, *about]
    assert application()(command, result_action="return_value") == 0
    assert "written: in the audit log of sandbox" in capsys.readouterr().out
    absent = ["audit", "drill", str(where / "absent.json"), *about]
    assert application()(absent, result_action="return_value") == 2
    assert "absent.json: No such file" in capsys.readouterr().err
