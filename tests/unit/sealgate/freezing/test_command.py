"""`sealgate freeze`: what is typed, what is said back, and the line above payments meanwhile."""

import asyncio
import json
from pathlib import Path

import pytest

from consumers.store.connect import connect
from sealgate.config import Configuration, read
from sealgate.freezing import command
from sealgate.freezing.said import Said
from sealgate.operations.listing import PaymentsAsked, payments

SETTINGS = """
environment = "sandbox"
[log]
url = "embedded:./log.db"
[store]
url = "sqlite:./store.db"
"""
ON = Said(by="ann", role="operations", reason="old states at the provider's API")
OFF = Said(by="ben", role="finance", reason="compared, and backfilled", approved_by="cleo")


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """Make a store that a worker has made before."""
    (tmp_path / "sealgate.toml").write_text(SETTINGS)

    async def make() -> None:
        store = connect(f"sqlite://{tmp_path}/store.db")
        await store.open("sandbox")
        await store.close()

    asyncio.run(make())
    return read(tmp_path / "sealgate.toml", {})


def test_a_freeze_is_seen_above_payments_until_it_is_cleared(
    configuration: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever decides about a payment has to know that sources disagree; JSON stays JSON."""
    assert command.say(configuration, ON, is_on=True) == 0
    assert "frozen: nothing expires" in capsys.readouterr().out
    assert payments(configuration, PaymentsAsked("", "", "", "", "", 10), as_json=True) == 0
    told = capsys.readouterr()
    assert told.err.startswith("FROZEN since ")
    assert "by ann: old states" in told.err
    assert json.loads(told.out)["payments"] == []
    assert command.say(configuration, OFF, is_on=False) == 0
    capsys.readouterr()
    assert payments(configuration, PaymentsAsked("", "", "", "", "", 10), as_json=False) == 0
    assert "FROZEN" not in capsys.readouterr().err


def test_all_that_was_said_is_shown(
    configuration: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last word first, with who agreed."""
    command.say(configuration, ON, is_on=True)
    command.say(configuration, OFF, is_on=False)
    capsys.readouterr()
    assert command.show(configuration, as_json=False) == 0
    first, *words = capsys.readouterr().out.splitlines()
    assert first == "nothing is frozen"
    assert words[0].endswith("off  ben (finance), with cleo: compared, and backfilled")
    assert words[1].endswith("on   ann (operations): old states at the provider's API")


@pytest.mark.parametrize(
    ("said", "is_on", "code", "exits"),
    [
        (Said(by="ann", role="boss", reason="why"), True, "invalid_request", 2),
        (OFF, False, "unchanged", 1),
    ],
)
def test_a_refusal_has_a_code(
    configuration: Configuration,
    capsys: pytest.CaptureFixture[str],
    said: Said,
    is_on: bool,
    code: str,
    exits: int,
) -> None:
    """A script can tell "wrongly typed" from "not now" without reading a sentence."""
    assert command.say(configuration, said, is_on=is_on) == exits
    assert capsys.readouterr().err.startswith(f"{code}: ")


def test_nobody_but_the_configured_people_says_a_word(
    configuration: Configuration, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where the configuration lists who decides, a name of one's own making clears nothing."""
    assert command.say(configuration, ON, is_on=True) == 0
    (tmp_path / "sealgate.toml").write_text(SETTINGS + "[operators]\npeople = ['ann', 'ben']\n")
    listed = read(tmp_path / "sealgate.toml", {})
    assert command.say(listed, OFF, is_on=False) == 1
    assert "person_unknown: cleo" in capsys.readouterr().err
