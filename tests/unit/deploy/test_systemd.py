"""The units: accepted without a word, closed to the last hole, and true to the command line."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from sealgate.role import Role
from sealgate.supervisor import STOP_MARGIN_S
from tests.support.deployed import BIN, DEPLOY, ROLE_OF, mistakes, run, settings, typed
from tests.support.services import missing

FOLDER = DEPLOY / "systemd"
TEMPLATE = (FOLDER / "sealgate@.service").read_text()
TEXT = (FOLDER / "sealgate.toml").read_text()
INSTANCES = {one.stem: one for one in (FOLDER / "instances").glob("*.env")}
EXPOSURE_MAX = 2.0


def _said(text: str, name: str) -> list[str]:
    """Return what a unit says of one thing, a line each."""
    return [
        line.removeprefix(f"{name}=") for line in text.splitlines() if line.startswith(f"{name}=")
    ]


def _whole(instance: str) -> str:
    """Return the template and the drop-in of an instance, as one text."""
    drop_ins = sorted((FOLDER / f"sealgate@{instance}.service.d").glob("*.conf"))
    return "\n".join([TEMPLATE, *(one.read_text() for one in drop_ins)])


def _environ(instance: str) -> dict[str, str]:
    lines = INSTANCES[instance].read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and line[0] != "#")


@pytest.fixture(name="units")
def _units(tmp_path: Path) -> Path:
    """Copy the units to where there is a program in the place of the installed one."""
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze is not installed: apt-get install systemd")
    shutil.copytree(FOLDER, tmp_path / "units")
    unit = tmp_path / "units" / "sealgate@.service"
    unit.write_text(TEMPLATE.replace("/opt/sealgate/bin/sealgate", str(BIN / "sealgate")))
    return tmp_path / "units"


def test_systemd_has_nothing_to_say(units: Path) -> None:
    """It ignores a line that it does not understand, says so once, and ends with 0."""
    names = [f"sealgate@{one}.service" for one in INSTANCES]
    files = [units / one for one in ("sealgate.target", *names)]
    for name in names:
        shutil.copy(units / "sealgate@.service", units / name)
    (units / "sealgate@.service").unlink()
    assert run("systemd-analyze", "verify", *files) == (0, "")


def test_a_line_that_is_misspelt_would_be_found(units: Path) -> None:
    """Without this, the test above could be one that cannot fail."""
    unit = units / "sealgate@serve.service"
    unit.write_text((units / "sealgate@.service").read_text().replace("ProtectHome", "ProtectHom"))
    assert "ProtectHom" in run("systemd-analyze", "verify", unit)[1]


@pytest.mark.parametrize("instance", INSTANCES)
def test_little_is_open(units: Path, instance: str) -> None:
    """One that is taken over finds no file, no device, no user and no call to go on from."""
    unit = units / f"sealgate@{instance}.service"
    unit.write_text(_whole(instance))
    code, said = run(
        *("systemd-analyze", "security", "--offline=true", "--no-pager"),
        f"--threshold={EXPOSURE_MAX * 10:.0f}",
        unit,
    )
    assert code == 0, said
    found = re.search(r"Overall exposure level for .*: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= EXPOSURE_MAX


def test_every_role_is_an_instance_that_the_target_starts() -> None:
    """A gateway without its relay takes everything in, and nobody hears of it."""
    target = (FOLDER / "sealgate.target").read_text()
    wanted = re.findall(r"sealgate@([\w-]+)\.service", " ".join(_said(target, "Wants")))
    assert set(wanted) == set(INSTANCES)
    assert {ROLE_OF[_environ(one)["ROLE"]] for one in INSTANCES} == set(Role)
    assert _said(TEMPLATE, "PartOf") == ["sealgate.target"]


@pytest.mark.parametrize("instance", INSTANCES)
def test_its_command_can_be_typed(instance: str) -> None:
    """A flag that was renamed would be found when the machine starts the next time."""
    (command,) = _said(TEMPLATE, "ExecStart")
    words = command.replace("$ROLE", _environ(instance)["ROLE"]).split()
    typed(words[1:])


@pytest.mark.parametrize("instance", INSTANCES)
def test_its_configuration_is_whole_with_its_own_secrets(instance: str, tmp_path: Path) -> None:
    """An edge holds no password of the database, nor a worker a webhook key."""
    environ, held = _placed(instance)
    role = ROLE_OF[environ.pop("ROLE")]
    held |= {"tls/kafka-ca.pem"}
    if "sealgate-keys" in _said(_whole(instance), "SupplementaryGroups"):
        held |= {"keys/btcpay-shop"}
    for name in held:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a dummy\n")
    assert mistakes(TEXT, tmp_path, environ, [role], held) == []
    passwords = {one for one in held if one.startswith("credentials/")}
    assert len(passwords) == (1 if role is Role.EDGE else 2)
    assert ("keys/btcpay-shop" in held) == (role in {Role.EDGE, Role.FETCH})


def _placed(instance: str) -> tuple[dict[str, str], set[str]]:
    """Return the variables of an instance, and its credentials, as if they lay beside the file."""
    said = _whole(instance).replace("%i", instance).replace("%S", "/var/lib")
    named = {f"credentials/{one.partition(':')[0]}" for one in _said(said, "LoadCredential")}
    own = dict(one.split("=", 1) for one in _said(said, "Environment"))
    return (
        {name: value.replace("%d", "credentials") for name, value in own.items()}
        | _environ(instance),
        named,
    )


@pytest.mark.parametrize("instance", INSTANCES)
def test_every_credential_is_named_and_used(instance: str) -> None:
    """One that is loaded and not used lies open for nothing; one that is used must be loaded."""
    said = _whole(instance)
    loaded = {one.partition(":")[0] for one in _said(said, "LoadCredential")}
    used = {one.partition("=%d/")[2] for one in _said(said, "Environment") if "=%d/" in one}
    assert loaded == used


def test_what_root_reads_is_where_the_units_take_it_from(tmp_path: Path) -> None:
    """`sealgate check` as root must judge the files that are loaded, and not copies."""
    said = settings(tmp_path / "sealgate.toml", TEXT)
    assert str(said.store.password_file) == "credentials/postgres"
    sources = {one for i in INSTANCES for one in _said(_whole(i), "LoadCredential")}
    assert "postgres:/etc/sealgate/credentials/postgres" in sources
    assert said.source[0].key[0].file.parts[0] == "keys"
    users = (FOLDER / "sealgate.sysusers.conf").read_text()
    assert re.search(r"^g sealgate-keys -$", users, re.MULTILINE)


def test_every_process_has_an_admin_port_of_its_own() -> None:
    """On one machine the second to start would end with 69."""
    ports = [int(_environ(one)["SEALGATE__ADMIN__PORT"]) for one in INSTANCES]
    assert len(set(ports)) == len(ports)
    # `serve --workers 8` has those after its own.
    edge = int(_environ("serve")["SEALGATE__ADMIN__PORT"])
    assert not set(range(edge + 1, edge + 9)) & set(ports)


def test_each_comes_to_the_brokers_as_its_own_user() -> None:
    """Rights are granted by role, and a stolen password must open no more than one."""
    users: Mapping[str, str] = {
        one: _environ(one)["SEALGATE__LOG__SASL__USERNAME"] for one in INSTANCES
    }
    assert users == {
        "serve": "sealgate-edge",
        "consume": "sealgate-worker",
        "relay": "sealgate-relay",
        "timers": "sealgate-monitor",
        "monitor": "sealgate-monitor",
        "fetch": "sealgate-monitor",
    }


def test_a_stop_is_waited_for(tmp_path: Path) -> None:
    """What an edge has accepted must be through before it is killed."""
    edge = settings(tmp_path / "sealgate.toml", TEXT).edge
    (grace,) = _said(TEMPLATE, "TimeoutStopSec")
    assert int(grace) > edge.drain_s + edge.stop_s + STOP_MARGIN_S


def test_the_edge_is_stopped_first() -> None:
    """What stands after others at the start goes before them at the end."""
    after = " ".join(_said(_whole("serve"), "After"))
    others = set(INSTANCES) - {"serve"}
    assert all(f"sealgate@{one}.service" in after for one in others)


def test_a_wrong_configuration_is_not_tried_again() -> None:
    """Another start mends nothing, and buries the mistakes under its own lines."""
    assert _said(TEMPLATE, "RestartPreventExitStatus") == ["78"]
    assert _said(TEMPLATE, "Type") == ["notify"]
    assert _said(TEMPLATE, "ExecReload") == ["/bin/kill -HUP $MAINPID"]
