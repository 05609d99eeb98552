"""`sealgate audit` over a real file: exit codes, and what is said to whom."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from consumers.store.connect import connect
from consumers.store.port import Changes, Store
from sealgate.audit import command, folder
from sealgate.check import faults
from sealgate.config import Configuration, read
from sealgate.role import Role
from tests.support.audited import CHAIN, fill, tamper
from tests.support.store_builders import apply, event

SETTINGS = """
environment = "sandbox"
mode = "test"
[log]
url = "embedded:./log.db"
[store]
url = "sqlite:./store.db"
[audit]
directory = "audit"
key_file = "secrets/audit.pem"
"""


@pytest.fixture(name="configuration")
def _configuration(tmp_path: Path) -> Configuration:
    (tmp_path / "sealgate.toml").write_text(SETTINGS)
    return read(tmp_path / "sealgate.toml", {})


@pytest.fixture(name="url")
def _url(tmp_path: Path) -> str:
    """Fill a store, and say where it is."""
    url = f"sqlite://{tmp_path}/store.db"
    _with(url, fill)
    return url


def _with(url: str, use: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        store = connect(url)
        await store.open("sandbox")
        await use(store)
        await store.close()

    asyncio.run(run())


def test_the_key_is_made_once(
    configuration: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second one would make every checkpoint of before unreadable."""
    assert command.init(configuration) == 0
    assert "public key" in capsys.readouterr().out
    assert command.init(configuration) == 1
    assert "nothing is written over" in capsys.readouterr().err


def test_a_monitor_without_its_key_is_told_how_to_make_it(configuration: Configuration) -> None:
    """`sealgate check` says it before any start; other roles need no key."""
    [mistake] = faults(configuration, [Role.MONITOR])
    assert mistake.place == "audit.key_file"
    assert "sealgate audit init makes it" in str(mistake)
    assert faults(configuration, [Role.WORKER]) == []
    key = configuration.base / "secrets" / "audit.pem"
    key.parent.mkdir()
    key.write_text("a word")
    assert "holds no private key" in str(faults(configuration, [Role.MONITOR])[0])
    key.unlink()
    command.init(configuration)
    assert faults(configuration, [Role.MONITOR]) == []


def test_what_nobody_touched_is_sound(
    configuration: Configuration, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With checkpoints and without; the difference is said."""
    command.init(configuration)
    assert command.verify(configuration, None, None) == 0
    assert "remark: there is no checkpoint" in capsys.readouterr().out
    assert command.checkpoint(configuration, 1_000) == 0
    assert command.verify(configuration, None, None) == 0
    out = capsys.readouterr().out
    assert "checkpoints 1, the last is 1 of 1970-01-01T00:00:01.000Z" in out
    assert "sound: nothing was changed" in out
    assert "remark" not in out


def test_a_row_that_was_changed_is_found_with_exit_code_three(
    configuration: Configuration, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first bad entry is named, and where to read on."""
    asyncio.run(tamper(url, "UPDATE transition SET after = 'Late' WHERE reference = 'pay-2'"))
    command.init(configuration)
    assert command.verify(configuration, None, None) == 3
    out = capsys.readouterr().out
    assert f"WRONG {CHAIN} entry 2: transitions: not there, or changed since" in out
    assert f"2 problems; the first bad entry is 2 of {CHAIN}: docs/audit.md says what to do" in out


def test_a_machine_is_told_the_same_as_people(
    configuration: Configuration, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A close keeps it as evidence, and a script branches on the verdict and on the exit code."""
    command.init(configuration)
    command.checkpoint(configuration, 1_000)
    capsys.readouterr()
    assert command.verify(configuration, None, None, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["problems"], told["first_bad"]) == ("sound", [], None)
    assert told["checkpoints"]["last"] == {"number": 1, "at": "1970-01-01T00:00:01.000Z"}
    assert {one["chain"] for one in told["chains"]} == {CHAIN, "operator"}
    asyncio.run(tamper(url, "UPDATE transition SET after = 'Late' WHERE reference = 'pay-2'"))
    (configuration.base / "audit" / folder.name(1)).write_text("{}")
    assert command.verify(configuration, None, None, as_json=True) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["first_bad"]) == ("wrong", {"chain": CHAIN, "entry": 2})
    assert [one["of"] for one in told["problems"]] == ["checkpoints", "table", "table"]
    [wrong] = [one for one in told["tables"] if one["contradicted"]]
    # The row that is there, and the one that the entry names.
    assert (wrong["table"], wrong["contradicted"]) == ("transition", 2)


def test_an_older_backup_is_found_by_the_checkpoint(
    configuration: Configuration, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A restore takes back what was decided since: payments, shipments, refunds."""
    command.init(configuration)
    backup = {path: path.read_bytes() for path in configuration.base.glob("store.db*")}
    _with(url, lambda store: apply(store, Changes(), [event("later", offset=9)]))
    command.checkpoint(configuration, 1_000)
    for path in configuration.base.glob("store.db*"):
        path.unlink()
    for path, content in backup.items():
        path.write_bytes(content)
    assert command.verify(configuration, None, None) == 3
    assert "checkpoint 1 of 1970-01-01T00:00:01.000Z saw 5: the database is an older backup" in (
        capsys.readouterr().out
    )
    assert command.checkpoint(configuration, 2_000) == 3
    assert "WRONG operator was longer at the checkpoint before" in capsys.readouterr().out


def test_verifying_may_begin_behind_a_checkpoint(
    configuration: Configuration, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every night from the last one, and all of it before a close."""
    command.init(configuration)
    command.checkpoint(configuration, 1_000)
    _with(url, lambda store: apply(store, Changes(), [event("later", offset=9)]))
    first = configuration.base / "audit" / folder.name(1)
    public = folder.public_path(configuration.base / "secrets" / "audit.pem")
    assert command.verify(configuration, first, public) == 0
    out = capsys.readouterr().out
    # The last entry that the checkpoint saw of each chain is looked at again.
    assert "2, 3 entries hashed again" in out
    assert "begun behind checkpoint 1: the tables were left out" in out
    assert command.verify(configuration, public, public) == 78
    assert "it is no checkpoint" in capsys.readouterr().err


def test_a_forged_checkpoint_is_wrong_and_proves_nothing(
    configuration: Configuration, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes the directory cannot sign."""
    command.init(configuration)
    command.checkpoint(configuration, 1_000)
    file = configuration.base / "audit" / folder.name(1)
    file.write_bytes(file.read_bytes().replace(b'"seq":3', b'"seq":2'))
    assert command.verify(configuration, None, None) == 3
    assert "WRONG checkpoint-000000001.json: its signature does not hold" in capsys.readouterr().out
    assert command.checkpoint(configuration, 2_000) == 1
    assert "its signature does not hold" in capsys.readouterr().err


def test_one_entry_can_be_looked_at(
    configuration: Configuration, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was decided, in words, and the hash that a checkpoint holds."""
    assert command.show(configuration, "", -1) == 0
    assert CHAIN in capsys.readouterr().out
    assert command.show(configuration, CHAIN, 1) == 0
    out = capsys.readouterr().out
    assert '"evt-1"' in out
    assert "hash " in out
    assert command.show(configuration, CHAIN, 99) == 1
    assert command.show(configuration, CHAIN, -1) == 2


def test_without_a_key_there_is_nothing_to_sign_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to write into the configuration."""
    (tmp_path / "sealgate.toml").write_text(SETTINGS.replace("key_file", "# key_file"))
    configuration = read(tmp_path / "sealgate.toml", {})
    assert command.init(configuration) == 78
    assert command.checkpoint(configuration, 1) == 78
    assert "audit.key_file names no key" in capsys.readouterr().err
