"""The compose file: its form, its hardening, and that every part agrees with every other."""

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingress.log_settings import LogSettings
from sealgate.supervisor import STOP_MARGIN_S
from tests.support.deployed import (
    BIN,
    DEPLOY,
    ROLE_OF,
    ROOT,
    documents,
    mistakes,
    run,
    settings,
    typed,
)
from tests.support.services import missing

FOLDER = DEPLOY / "compose"
FILE = FOLDER / "compose.yaml"
(COMPOSE,) = documents(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("sealgate:")}
PROCESSES = {name: one for name, one in OURS.items() if one["command"][0] in ROLE_OF}
CONFIGURATION = FOLDER / "sealgate.toml"
# Docker's own words for what Sealgate counts in seconds.
_SECONDS = re.compile(r"^(\d+)s$")


def test_it_is_a_compose_file() -> None:
    """A misspelt key would be ignored by some engines, and refused by others."""
    code, said = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", FILE)
    assert code == 0, said


def test_it_leaves_nothing_open_but_the_digests() -> None:
    """A digest that nobody could look up would be a lie; docs/deploying.md says how to add them."""
    code, said = run(BIN / "compose-lint", "--fail-on", "low", FILE)
    found = set(re.findall(r"(?:LOW|MEDIUM|HIGH|CRITICAL) +(CL-\d+)", said))
    assert (code, found) == (1, {"CL-0019"}), said


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_kept_in_its_place(name: str) -> None:
    """One that is taken over must find nothing to write, to become, or to use up."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["cpus"]
    assert "healthcheck" in service
    assert not service.get("privileged")
    assert "cap_add" not in service


def test_only_loopback_is_listened_at() -> None:
    """This is for one machine: nobody else's may reach a database without a password of its own."""
    ports = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_every_image_is_pinned_and_the_same_everywhere() -> None:
    """`latest` is another program tomorrow."""
    tags: dict[str, set[str]] = {}
    for one in SERVICES.values():
        name, _, tag = one["image"].partition(":")
        tags.setdefault(name, set()).add(tag)
    assert all(re.search(r"\d+\.\d+", tag) for found in tags.values() for tag in found)
    assert all(len(found) == 1 for found in tags.values())


def test_our_own_image_is_built_here_and_asked_of_nobody() -> None:
    """A clean checkout has none, and a registry that has one of this name has somebody else's."""
    (builder,) = [name for name, one in OURS.items() if "build" in one]
    said = {name: one["pull_policy"] for name, one in OURS.items()}
    assert said == dict.fromkeys(OURS, "never") | {builder: "build"}
    built = OURS[builder]["build"]
    context = (FOLDER / built["context"]).resolve()
    assert context == ROOT
    assert (context / built["dockerfile"]).is_file()
    # What is built by one of them is there for all: nothing else may have its name.
    assert len({one["image"] for one in OURS.values()}) == 1
    assert "profiles" not in OURS[builder]


@pytest.mark.parametrize("name", OURS)
def test_every_command_can_be_typed(name: str) -> None:
    """A flag that was renamed is found here, and not by a container that starts for ever."""
    typed(OURS[name]["command"])
    health = OURS[name]["healthcheck"]
    if not health.get("disable"):
        assert health["test"][:2] == ["CMD", "sealgate"]
        typed(health["test"][2:])


def test_every_role_is_played() -> None:
    """A gateway without its relay takes everything in, and nobody hears of it."""
    assert {ROLE_OF[one["command"][0]] for one in PROCESSES.values()} == set(ROLE_OF.values())


def test_its_configuration_is_whole(tmp_path: Path) -> None:
    """It is the first thing that a newcomer starts."""
    assert mistakes(CONFIGURATION.read_text(), tmp_path) == []


@pytest.mark.parametrize("name", PROCESSES)
def test_each_process_has_the_secrets_of_its_role_and_no_others(name: str, tmp_path: Path) -> None:
    """An edge that is taken over holds no password of the database, nor a worker a webhook key."""
    role = ROLE_OF[PROCESSES[name]["command"][0]]
    held = {f"/run/secrets/{one}" for one in PROCESSES[name]["secrets"]}
    text = CONFIGURATION.read_text()
    assert mistakes(text, tmp_path / "with", roles=[role], held=held) == []
    for one in held:
        without = mistakes(text, tmp_path / Path(one).name, roles=[role], held=held - {one})
        assert without, f"{name} does not need {one}"


def test_secrets_are_files_that_prepare_makes_for_us_alone(tmp_path: Path) -> None:
    """Sealgate refuses a secret that others can read, and a variable is in every `inspect`."""
    shutil.copy(FOLDER / "prepare.sh", tmp_path)
    subprocess.run(["sh", tmp_path / "prepare.sh"], check=True, capture_output=True)
    for secret in COMPOSE["secrets"].values():
        file = tmp_path / secret["file"]
        assert len(file.read_text()) == 48
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = {file: file.read_bytes() for file in (tmp_path / "secrets").iterdir()}
    subprocess.run(["sh", tmp_path / "prepare.sh"], check=True, capture_output=True)
    assert before == {file: file.read_bytes() for file in (tmp_path / "secrets").iterdir()}
    assert (tmp_path / "data" / "edge").is_dir()
    variables = set(re.findall(r"\$\{(\w+)", FILE.read_text()))
    assert variables == set(re.findall(r"^(\w+)=", (tmp_path / ".env").read_text(), re.MULTILINE))
    ignored = (FOLDER / ".gitignore").read_text().splitlines()
    assert ignored == ["/.env", "/data/", "/secrets/"]


def test_what_is_mounted_from_the_checkout_is_there() -> None:
    """An engine makes an empty directory where there is nothing, and the program fails."""
    mounts = [m for one in SERVICES.values() for m in one.get("volumes", []) if m[0] == "."]
    files = [mount.partition(":")[0] for mount in mounts]
    files += [one["file"] for one in COMPOSE["configs"].values()]
    absent = [one for one in files if not (FOLDER / one).exists() and one != "./data/edge"]
    assert absent == []


def test_a_stop_is_waited_for() -> None:
    """An engine kills what is late; what an edge has accepted must be through by then."""
    edge = settings(CONFIGURATION).edge
    (grace,) = _SECONDS.findall(SERVICES["edge"]["stop_grace_period"])
    assert int(grace) > edge.drain_s + edge.stop_s + STOP_MARGIN_S


def test_what_is_on_a_volume_is_where_the_edge_writes() -> None:
    """A journal inside of the container is gone with it."""
    said = settings(CONFIGURATION)
    (mount,) = SERVICES["edge"]["volumes"]
    kept = Path(mount.split(":")[1])
    assert kept in said.log.journal.directory.parents
    assert said.edge.state_file is not None
    assert kept in said.edge.state_file.parents


def test_the_broker_is_the_one_of_the_tests() -> None:
    """What `sealgate kafka` and our tests run with is what this one is told."""
    told = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in SERVICES["kafka"]["environment"].items()
    }
    lines = (DEPLOY / "kafka" / "server.properties").read_text().splitlines()
    ours = dict(line.split("=", 1) for line in lines if line and line[0] != "#")
    both = {name for name in told.keys() & ours.keys() if "$" not in ours[name]}
    assert len(both) > 10
    assert {name: told[name] for name in both} == {name: ours[name] for name in both}


def test_everybody_calls_the_broker_and_the_database_by_their_names() -> None:
    """A service that was renamed is found by nobody."""
    said = settings(CONFIGURATION)
    assert said.log.url.startswith("kafka://kafka:9092?")
    assert SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].endswith("kafka:9092")
    assert said.store.url == "postgresql://sealgate@postgres/sealgate"
    assert SERVICES["postgres"]["environment"]["POSTGRES_USER"] == "sealgate"
    assert said.log.partitions == LogSettings().partitions
    hook = SERVICES["simulator"]["command"][1]
    assert hook == f"http://edge:{said.edge.port}/hooks/{said.source[0].slug}"
    assert f"--provider={said.source[0].provider}" in SERVICES["simulator"]["command"]


def test_prometheus_accepts_what_it_is_given(tmp_path: Path) -> None:
    """It would not start, and a gateway that nobody watches looks well."""
    promtool = shutil.which("promtool")
    if promtool is None:
        missing("promtool is not installed: apt-get install prometheus")
    text = (FOLDER / "prometheus.yml").read_text()
    rules = DEPLOY.parent / "dashboards" / "prometheus"
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/sealgate", str(rules)))
    code, said = run(promtool, "check", "config", tmp_path / "prometheus.yml")
    assert code == 0, said
    found = re.search(r"(\d+) rule files found", said)
    assert found is not None, said
    assert int(found[1]) > 0


def test_prometheus_scrapes_every_process_where_it_is() -> None:
    """One that is not scraped is missed by no alert."""
    told = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    job = next(one for one in told["scrape_configs"] if one["job_name"] == "sealgate")
    (found,) = job["dns_sd_configs"]
    said = settings(CONFIGURATION)
    assert set(found["names"]) == set(PROCESSES)
    assert found["port"] == said.admin.port
    assert said.admin.host == "0.0.0.0"
    labels = {one["target_label"]: one.get("replacement") for one in job["relabel_configs"]}
    assert labels["environment"] == said.environment
    (peers,) = told["alerting"]["alertmanagers"]
    assert peers["static_configs"][0]["targets"] == ["alertmanager:9093"]


def test_the_admin_port_is_published_to_nobody() -> None:
    """It tells the keys' ids and how things stand, without a password."""
    port = settings(CONFIGURATION).admin.port
    published = [p for one in PROCESSES.values() for p in one.get("ports", [])]
    assert [one for one in published if one.endswith(f":{port}")] == []


def test_what_need_not_leave_the_machine_cannot() -> None:
    """A worker that is taken over has nobody to tell the payments to."""
    assert COMPOSE["networks"]["inside"]["internal"] is True
    outside = {name for name, one in PROCESSES.items() if "outside" in one["networks"]}
    assert outside == {"edge", "fetch"}
