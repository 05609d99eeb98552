"""The Dockerfile, as far as it can be judged without an engine: its form, words and parts."""

import json
import re
import shlex
import tomllib

import pytest

from ingress.settings import EdgeSettings
from sealgate.config import AdminSettings
from tests.support.deployed import BIN, DEPLOY, ROOT, run, typed

DOCKERFILE = DEPLOY / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _instructions() -> list[tuple[str, str]]:
    """Return every instruction of the Dockerfile, each on one line, without comments."""
    lines = [one for one in DOCKERFILE.read_text().splitlines() if not one.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [(head, rest.strip()) for head, _, rest in map(_parted, whole.splitlines()) if head]


def _parted(line: str) -> tuple[str, str, str]:
    return line.strip().partition(" ")


def _last(name: str) -> str:
    """Return what an instruction says in the last stage, which is what is shipped."""
    found = [rest for head, rest in _instructions() if head == name]
    assert found, f"there is no {name}"
    return found[-1]


def test_the_dockerfile_has_no_fault_that_a_linter_knows() -> None:
    """What builds on one machine and not on another is mostly something known."""
    assert run(BIN / "hadolint", DOCKERFILE) == (0, "")


def test_every_command_in_it_can_be_typed() -> None:
    """A flag that was renamed would be found by whoever starts the container."""
    assert json.loads(_last("ENTRYPOINT")) == ["sealgate"]
    typed(json.loads(_last("CMD")))
    health = _last("HEALTHCHECK").partition("CMD ")[2]
    assert json.loads(health)[0] == "sealgate"
    typed(json.loads(health)[1:])


def test_it_is_nobody_and_says_so_by_a_number() -> None:
    """An orchestrator that forbids root has to see it without asking the image for names."""
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", _last("USER"))


def test_what_is_not_pinned_by_its_sum_cannot_be_installed() -> None:
    """A package of another hand under the same name would hold every key."""
    runs = [rest for head, rest in _instructions() if head == "RUN"]
    fetching = [run for run in runs if "pip download" in run]
    installing = [run for run in runs if "pip --python" in run]
    assert all(
        "--only-binary :all: --require-hashes --requirement requirements.lock" in run
        for run in fetching
    )
    assert all("--no-index --find-links /wheels" in run for run in installing)
    assert len(fetching) == len(installing) == 1
    assert not [run for run in runs if "apt" in shlex.split(run) or "curl" in run]


def test_the_lock_has_all_that_the_project_asks_for() -> None:
    """With --no-index there is nowhere else to take it from."""
    locked = set(
        re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    )
    wanted = {re.split(r"[>=\[ ]", one)[0] for one in PROJECT["dependencies"]}
    assert {name.lower() for name in wanted | {"setuptools"}} <= {one.lower() for one in locked}


def test_its_ports_are_the_defaults() -> None:
    """What is exposed and what is listened at are told to people in two places."""
    ports = {EdgeSettings().port, AdminSettings().port}
    assert {int(one) for one in _last("EXPOSE").split()} == ports


def test_the_context_admits_what_is_copied_and_nothing_else() -> None:
    """A secret beside the checkout would be in a layer for ever."""
    rules = [one for one in (ROOT / ".dockerignore").read_text().splitlines() if one[:1] != "#"]
    admitted = {one[1:] for one in rules if one.startswith("!")}
    copied = {
        word
        for head, rest in _instructions()
        if head == "COPY" and "--from" not in rest
        for word in rest.split()[:-1]
    }
    assert rules[0] == "*"
    assert copied == {one.partition("/")[0] for one in admitted}
    assert all((ROOT / one).exists() for one in admitted)
    packages = {"ingress", "consumers", "dashboards", "sealgate", "deploy"}
    assert packages <= copied, "pip would install a gateway without a part of itself"


@pytest.mark.parametrize("key", ["title", "source", "licenses", "version", "revision"])
def test_an_image_says_what_it_is(key: str) -> None:
    """Whoever finds one running must come from it to its source."""
    assert f"org.opencontainers.image.{key}=" in _last("LABEL")


def test_the_version_is_the_project_s() -> None:
    """It stands in the image's label, and every deployment asks for it by its tag."""
    versions = [rest for head, rest in _instructions() if head == "ARG" and "VERSION" in rest]
    assert versions == [f"VERSION={PROJECT['version']}"]
    places = [*DEPLOY.rglob("*.yaml"), ROOT / "docs" / "deploying.md"]
    tag = re.compile(r"sealgate(?::|\n\s+newTag: )(\d+\.\d+\.\d+)")
    found = {(str(p), one) for p in places for one in tag.findall(p.read_text())}
    assert {one for _, one in found} == {PROJECT["version"]}, found
