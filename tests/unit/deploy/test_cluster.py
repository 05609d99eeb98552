"""The manifests, as a cluster would act on them: who is reached, stopped, scaled and kept how."""

import re
from pathlib import Path

import pytest

from ingress.contract.declaration import VERIFIED
from sealgate.role import Role
from sealgate.supervisor import STOP_MARGIN_S
from tests.support.deployed import settings
from tests.support.manifests import (
    ENDS,
    configuration_in,
    container_of,
    is_selected,
    pod_of,
    processes_in,
    resources_of,
    settings_of,
    the,
    workloads_in,
)


@pytest.mark.parametrize("end", ENDS)
def test_every_pod_is_kept_in_its_place(end: str) -> None:
    """One that is taken over must find nothing to write, to become, or to ask of the cluster."""
    for workload in workloads_in(resources_of(end)):
        pod, container = pod_of(workload), container_of(workload)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]
        secrets = [one["secret"] for one in pod["volumes"] if "secret" in one]
        # Sealgate refuses a secret that everybody can read.
        assert {one["defaultMode"] for one in secrets} == {0o440}


@pytest.mark.parametrize("end", ENDS)
def test_probes_ask_the_admin_port(end: str, tmp_path: Path) -> None:
    """A broker that is away must restart nothing; a process that drains must get nothing new."""
    resources = resources_of(end)
    said = settings_of(resources, tmp_path)
    assert said.admin.host == "0.0.0.0"
    for workload in processes_in(resources).values():
        container = container_of(workload)
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        assert ports["admin"] == said.admin.port
        paths = {
            "livenessProbe": "/livez",
            "readinessProbe": "/readyz",
            "startupProbe": "/livez",
        }
        for probe, path in paths.items():
            assert container[probe]["httpGet"] == {"path": path, "port": "admin"}


@pytest.mark.parametrize("end", ENDS)
def test_public_and_private_are_apart(end: str, tmp_path: Path) -> None:
    """What an Ingress points at must not reach the admin port; Prometheus must reach no hook."""
    resources = resources_of(end)
    edge = settings(tmp_path / "sealgate.toml", configuration_in(resources)).edge
    ports = {one["name"]: one for one in container_of(processes_in(resources)[Role.EDGE])["ports"]}
    assert ports["http"]["containerPort"] == edge.port
    (public,) = the(resources, "Service", "edge")["spec"]["ports"]
    (private,) = the(resources, "Service", "sealgate-admin")["spec"]["ports"]
    assert (public["targetPort"], private["targetPort"]) == ("http", "admin")
    opened = {
        name: the(resources, "NetworkPolicy", name)["spec"]["ingress"][0]["ports"]
        for name in ("deliveries-in", "scrapes-in")
    }
    assert opened["deliveries-in"] == [{"port": edge.port}]
    assert opened["scrapes-in"] == [{"port": ports["admin"]["containerPort"]}]


@pytest.mark.parametrize("end", ENDS)
def test_what_is_not_named_is_not_reached(end: str) -> None:
    """The edge has no way to the database, and a worker none into the world."""
    policies = [one["spec"] for one in resources_of(end) if one["kind"] == "NetworkPolicy"]
    everything = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert everything in policies
    for role, workload in processes_in(resources_of(end)).items():
        labels = workload["spec"]["template"]["metadata"]["labels"]
        ports = {
            port["port"]
            for one in policies
            if is_selected(one["podSelector"], labels)
            for rule in one.get("egress", [])
            for port in rule["ports"]
        }
        wanted = {53, 9093}
        wanted |= {443} if role in {Role.EDGE, Role.FETCH} else set()
        wanted |= set() if role is Role.EDGE else {5432}
        assert ports == wanted, role


@pytest.mark.parametrize("end", ENDS)
def test_every_selector_finds_its_pods(end: str) -> None:
    """A budget or a service that selects nothing is accepted by every cluster."""
    resources = resources_of(end)
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in workloads_in(resources)]
    for one in resources:
        spec = one.get("spec", {})
        match one["kind"]:
            case "Service":
                selectors = [{"matchLabels": spec["selector"]}]
            case "PodDisruptionBudget" | "Deployment" | "StatefulSet":
                selectors = [spec["selector"]]
            case "NetworkPolicy":
                selectors = [spec["podSelector"]]
            case _:
                selectors = []
        for selector in selectors:
            assert any(is_selected(selector, labels) for labels in pods), one["metadata"]["name"]


@pytest.mark.parametrize("end", ENDS)
def test_a_stop_is_waited_for(end: str, tmp_path: Path) -> None:
    """A cluster kills what is late; what an edge has accepted must be through by then."""
    resources = resources_of(end)
    edge = settings_of(resources, tmp_path).edge
    workload = processes_in(resources)[Role.EDGE]
    before = container_of(workload)["lifecycle"]["preStop"]["sleep"]["seconds"]
    sum_s = before + edge.drain_s + edge.stop_s + STOP_MARGIN_S
    assert pod_of(workload)["terminationGracePeriodSeconds"] > sum_s


@pytest.mark.parametrize("end", ENDS)
def test_the_journal_outlives_the_pod(end: str, tmp_path: Path) -> None:
    """What was acknowledged while Kafka was away is there and nowhere else."""
    resources = resources_of(end)
    said = settings_of(resources, tmp_path)
    edge = processes_in(resources)[Role.EDGE]
    (claim,) = edge["spec"]["volumeClaimTemplates"]
    (mount,) = [one for one in container_of(edge)["volumeMounts"] if one["name"] == "state"]
    assert claim["metadata"]["name"] == mount["name"]
    assert Path(mount["mountPath"]) in said.log.journal.directory.parents
    assert said.edge.state_file is not None
    assert Path(mount["mountPath"]) in said.edge.state_file.parents
    size = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30
    assert size > said.log.journal.bytes_max + said.log.journal.free_bytes_min
    assert set(edge["spec"]["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}
    # A label that changes with a version could not be applied a second time.
    assert set(claim["metadata"].get("labels", {})) <= {"app.kubernetes.io/name"}


def test_an_edge_is_taken_away_by_people_alone() -> None:
    """What waits in the journal of one that is scaled away is told by no metric."""
    spec = the(resources_of("overlays/prod"), "HorizontalPodAutoscaler")["spec"]
    assert spec["behavior"]["scaleDown"] == {"selectPolicy": "Disabled"}
    budget = the(resources_of("overlays/prod"), "PodDisruptionBudget", "edge")["spec"]
    assert spec["minReplicas"] > budget["minAvailable"] >= 2
    assert "replicas" not in processes_in(resources_of("overlays/prod"))[Role.EDGE]["spec"]


def test_workers_are_scaled_by_the_lag_of_their_own_topic(tmp_path: Path) -> None:
    """Another environment's lag would make workers where nothing is to be done."""
    resources = resources_of("overlays/prod")
    said = settings_of(resources, tmp_path)
    scaled = the(resources, "ScaledObject")["spec"]
    ((trigger,), most) = (scaled["triggers"], scaled["maxReplicaCount"])
    about = trigger["metadata"]
    assert about["topic"] == VERIFIED.name(said.environment)
    assert about["consumerGroup"] == said.consumer.group
    assert about["bootstrapServers"] == said.log.url.removeprefix("kafka://").partition("?")[0]
    assert most == said.log.partitions
    assert about["limitToPartitionsWithLag"] == about["excludePersistentLag"] == "true"
    worker = processes_in(resources)[Role.WORKER]
    assert scaled["scaleTargetRef"]["name"] == worker["metadata"]["name"]
    assert "replicas" not in worker["spec"]


def test_prometheus_finds_every_pod_and_names_it_as_the_rules_do() -> None:
    """One that is not scraped is missed by no alert."""
    spec = the(resources_of("overlays/prod"), "PodMonitor")["spec"]
    for one in workloads_in(resources_of("overlays/prod")):
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert is_selected(spec["selector"], labels)
        assert labels[spec["jobLabel"]] == "sealgate"
    (endpoint,) = spec["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("admin", "/metrics")
    namespace = the(resources_of("overlays/prod"), "Namespace")["metadata"]["name"]
    (relabels,) = [one for one in endpoint["relabelings"] if one["targetLabel"] == "environment"]
    found = re.fullmatch(relabels["regex"], namespace)
    assert found is not None
    assert f'environment = "{found[1]}"' in configuration_in(resources_of("overlays/prod"))


def test_a_cluster_of_one_can_drain_its_node() -> None:
    """A budget of two pods where there is one keeps a node from being mended."""
    kinds = {one["kind"] for one in resources_of("overlays/dev")}
    assert not kinds & {"PodDisruptionBudget", "HorizontalPodAutoscaler"}
