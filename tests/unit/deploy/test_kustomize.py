"""The manifests: rendered as a cluster would get them, held to its schemas and to our settings."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from ingress.contract.declaration import Role as Party
from sealgate.role import Role
from sealgate.topics import rights
from tests.support.deployed import BIN, ROLE_OF, ROOT, mistakes, run, typed
from tests.support.manifests import (
    ENDS,
    FOLDER,
    Resource,
    configuration_in,
    container_of,
    pod_of,
    processes_in,
    rendered_with,
    resources_of,
    the,
    variables_of,
    workloads_in,
)

COMPONENTS = tuple(sorted(one.name for one in (FOLDER / "components").iterdir()))
NATIVE = re.compile(r"^(v1|(apps|batch|policy|autoscaling|[a-z.]+\.k8s\.io)/v\d)$")
# Which user of the brokers each process comes as: the roles for which rights are declared.
PARTY = {
    Role.EDGE: Party.EDGE,
    Role.WORKER: Party.WORKER,
    Role.RELAY: Party.RELAY,
    Role.TIMERS: Party.MONITOR,
    Role.FETCH: Party.MONITOR,
    Role.MONITOR: Party.MONITOR,
}


@pytest.fixture(name="everything", scope="module")
def _everything(tmp_path_factory: pytest.TempPathFactory) -> list[Resource]:
    return rendered_with(tmp_path_factory.mktemp("kustomize"), "base", COMPONENTS)


@pytest.mark.parametrize("end", ENDS)
def test_what_kubernetes_knows_is_as_it_wants_it(end: str, tmp_path: Path) -> None:
    """A misspelt field is dropped by a cluster in silence, and what it was to keep is not kept."""
    native = [one for one in resources_of(end) if NATIVE.match(one["apiVersion"])]
    (tmp_path / "all.yaml").write_text("\n---\n".join(map(json.dumps, native)))
    code, said = run(BIN / "kubernetes-validate", "--strict", tmp_path / "all.yaml")
    assert code == 0, said
    assert said.count(" passed for resource ") == len(native)


def test_what_operators_brought_is_as_they_want_it(everything: list[Resource]) -> None:
    """The validator above passes every kind that it does not know."""
    custom = [one for one in everything if not NATIVE.match(one["apiVersion"])]
    assert {one["kind"] for one in custom} == {
        *("ExternalSecret", "PodMonitor", "PrometheusRule", "ScaledObject"),
        "TriggerAuthentication",
    }
    (said, wrong) = _judged(custom)
    assert (said, wrong) == ("", 0)


def test_the_judge_of_what_operators_brought_finds_a_fault(everything: list[Resource]) -> None:
    """Without its schemas it would find everything right."""
    rule = json.loads(json.dumps(the(everything, "PrometheusRule")))
    del rule["spec"]["groups"][0]["rules"][0]["expr"]
    assert "must have required property expr" in _judged([rule])[0]


def _judged(custom: list[Resource]) -> tuple[str, int]:
    words = [BIN / "node", ROOT / "tests" / "node" / "crds.mjs", ROOT / ".venv" / "validators"]
    text = json.dumps(custom)
    done = subprocess.run(words, check=False, input=text, capture_output=True, text=True)
    return done.stdout + done.stderr, done.returncode


@pytest.mark.parametrize("end", ENDS)
def test_its_configuration_is_whole(end: str, tmp_path: Path) -> None:
    """A process that finds a mistake in it ends with 78, and a cluster starts it for ever."""
    resources = resources_of(end)
    for role, workload in processes_in(resources).items():
        found = mistakes(
            configuration_in(resources), tmp_path / role, variables_of(workload), [role]
        )
        assert found == [], f"{role}: {found[0]}"


@pytest.mark.parametrize("end", ENDS)
def test_each_process_has_the_secrets_of_its_role_and_no_others(end: str, tmp_path: Path) -> None:
    """An edge that is taken over holds no password of the database, nor a worker a webhook key."""
    resources = resources_of(end)
    for role, workload in processes_in(resources).items():
        mounts = [one["mountPath"] for one in container_of(workload)["volumeMounts"]]
        held = {one for one in mounts if one.startswith("/run/secrets/")}
        text, environ = configuration_in(resources), variables_of(workload)
        assert mistakes(text, tmp_path / role, environ, [role], held) == []
        for one in held:
            place = tmp_path / f"{role}-{Path(one).name}"
            without = mistakes(text, place, environ, [role], held - {one})
            assert without, f"{role} does not need {one}"


@pytest.mark.parametrize("end", ENDS)
def test_every_role_is_played_by_a_command_that_can_be_typed(end: str) -> None:
    """A flag that was renamed is found here, and not by a pod that is started for ever."""
    resources = resources_of(end)
    assert set(processes_in(resources)) == set(ROLE_OF.values())
    for one in workloads_in(resources):
        typed(container_of(one)["args"])


def test_the_rights_are_granted_to_the_users_that_come(everything: list[Resource]) -> None:
    """A user without its rules is turned away by the brokers, when everything else is done."""
    words = container_of(the(everything, "Job", "topics"))["args"]
    typed(words)
    granted = dict(word[2:].split("-user=") for word in words if "-user=" in word)
    for role, workload in processes_in(everything).items():
        user = variables_of(workload)["SEALGATE__LOG__SASL__USERNAME"]
        assert granted[PARTY[role].value] == user
        (volume,) = [one for one in pod_of(workload)["volumes"] if one["name"] == "kafka"]
        assert volume["secret"]["secretName"] == user.replace("sealgate-", "sealgate-kafka-")
    users = {party: granted[party.value] for party in PARTY.values()}
    wanted = rights.wanted(rights.Deployment("dev", frozenset({"sealgate-lifecycle"}), users))
    assert {one.principal for one in wanted} == {f"User:{one}" for one in users.values()}


@pytest.mark.parametrize("end", ENDS)
def test_one_version_of_one_image_is_run(end: str) -> None:
    """Two versions over one database are an upgrade that nobody decided."""
    images = {container_of(one)["image"] for one in workloads_in(resources_of(end))}
    assert len(images) == 1
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+", images.pop())


@pytest.mark.parametrize("end", ["overlays/dev", "overlays/prod"])
def test_every_component_fits_every_overlay(end: str, tmp_path: Path) -> None:
    """Whoever has one more operator adds a line, and must not have to mend what it brings."""
    own = FOLDER / end / "kustomization.yaml"
    missing = [one for one in COMPONENTS if f"components/{one}\n" not in own.read_text()]
    assert missing
    kinds = {one["kind"] for one in rendered_with(tmp_path, end, missing)}
    assert kinds >= {"Job", "ScaledObject", "PrometheusRule", "ExternalSecret"}


def test_the_boards_are_all_there(everything: list[Resource]) -> None:
    """One that was added to the folder is not added to the cluster by itself."""
    boards = ROOT / "dashboards" / "grafana" / "boards"
    shipped = {
        name
        for one in everything
        if one["metadata"].get("labels", {}).get("grafana_dashboard")
        for name in one["data"]
    }
    assert shipped == {one.name for one in boards.glob("*.json")}


def test_the_job_runs_the_same_image(everything: list[Resource]) -> None:
    """It makes the topics of the version that comes, and not those of another."""
    assert len({container_of(one)["image"] for one in workloads_in(everything)}) == 1


def test_an_image_of_ones_own_is_named_as_the_page_says(tmp_path: Path) -> None:
    """A name that no pod has changes nothing, in silence: what runs is then not what was built."""
    page = (ROOT / "docs" / "deploying.md").read_text()
    (said,) = re.findall(r"`images: \[\{name: ([^,`]+), newName", page)
    folder = tmp_path / "own"
    folder.mkdir()
    rendered_with(folder, "overlays/prod", ["topics"])
    with (folder / "kustomization.yaml").open("a") as file:
        file.write(f"images: [{{name: {said}, newName: registry.example.com/ours}}]\n")
    code, text = run(BIN / "kubectl", "kustomize", folder)
    assert code == 0, text
    images = {line.split()[-1] for line in text.splitlines() if " image: " in line}
    assert {one.partition(":")[0] for one in images} == {"registry.example.com/ours"}


def test_every_secret_that_is_mounted_is_fetched() -> None:
    """A pod whose secret nobody made waits for ever."""
    resources = resources_of("overlays/prod")
    made = {one["spec"]["target"]["name"] for one in resources if one["kind"] == "ExternalSecret"}
    mounted = {
        volume["secret"]["secretName"]
        for one in workloads_in(resources)
        for volume in pod_of(one)["volumes"]
        if "secret" in volume
    }
    assert mounted == made
