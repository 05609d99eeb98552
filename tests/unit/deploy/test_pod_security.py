"""Every pod is of the profile that our namespaces demand: a cluster would start no other."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.support.manifests import (
    ENDS,
    FOLDER,
    pod_of,
    rendered_with,
    resources_of,
    the,
    workloads_in,
)
from tests.support.pod_security import breaches

COMPONENTS = tuple(sorted(one.name for one in (FOLDER / "components").iterdir()))
ENFORCED = "pod-security.kubernetes.io/enforce"


@pytest.mark.parametrize("end", ENDS)
def test_every_pod_is_of_the_restricted_profile(end: str) -> None:
    """A workload whose pods are refused looks accepted, and nothing of it ever runs."""
    workloads = workloads_in(resources_of(end))
    assert len(workloads) == 6
    assert {one["metadata"]["name"]: [*breaches(pod_of(one))] for one in workloads} == {
        one["metadata"]["name"]: [] for one in workloads
    }


def test_what_components_bring_is_of_it_too(tmp_path: Path) -> None:
    """The Job that makes the topics runs in the same namespace."""
    workloads = workloads_in(rendered_with(tmp_path, "base", COMPONENTS))
    assert {one["kind"] for one in workloads} == {"Deployment", "StatefulSet", "Job"}
    assert [field for one in workloads for field in breaches(pod_of(one))] == []


@pytest.mark.parametrize("end", ["overlays/dev", "overlays/prod"])
def test_a_namespace_demands_it(end: str) -> None:
    """Whoever adds a pod of another kind next year is told by the cluster."""
    assert the(resources_of(end), "Namespace")["metadata"]["labels"][ENFORCED] == "restricted"


# Worked by hand from the tables of the standard: what is laid over the pod or its container, and
# which field is then to be named.
_POD = {
    "hostNetwork": {"hostNetwork": True},
    "hostPID": {"hostPID": True},
    "hostIPC": {"hostIPC": True},
    "volumes": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
    "securityContext.sysctls": {
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            "sysctls": [{"name": "kernel.msgmax", "value": "1"}],
        }
    },
}
_CONTAINER: dict[str, dict[str, Any]] = {
    "securityContext.privileged": {"privileged": True},
    "securityContext.allowPrivilegeEscalation": {"allowPrivilegeEscalation": None},
    "securityContext.capabilities.drop": {"capabilities": {"drop": ["NET_RAW"]}},
    "securityContext.capabilities.add": {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}},
    "securityContext.procMount": {"procMount": "Unmasked"},
    "securityContext.runAsNonRoot": {"runAsNonRoot": False},
    "securityContext.runAsUser": {"runAsUser": 0},
    "securityContext.seccompProfile.type": {"seccompProfile": {"type": "Unconfined"}},
    "securityContext.appArmorProfile.type": {"appArmorProfile": {"type": "Unconfined"}},
    "securityContext.seLinuxOptions.type": {"seLinuxOptions": {"type": "spc_t"}},
    "securityContext.seLinuxOptions.user": {"seLinuxOptions": {"user": "root"}},
    "securityContext.seLinuxOptions.role": {"seLinuxOptions": {"role": "sysadm_r"}},
}


def test_each_breach_of_it_is_seen() -> None:
    """A judge that has never found anybody guilty may be asleep."""
    true = pod_of(the(resources_of("base"), "StatefulSet", "edge"))
    for field, laid_over in _POD.items():
        assert [*breaches({**copy.deepcopy(true), **laid_over})] == [field]
    for field, laid_over in _CONTAINER.items():
        pod = copy.deepcopy(true)
        pod["containers"][0]["securityContext"].update(laid_over)
        assert [*breaches(pod)] == [f"sealgate: {field}"], field
        # Nobody looks at the others where only the first container is judged.
        pod["initContainers"] = pod.pop("containers")
        assert [*breaches(pod)] == [f"sealgate: {field}"], field
    for field, laid_over in {
        "ports": {"ports": [{"containerPort": 1, "hostPort": 1}]},
        "livenessProbe.httpGet.host": {"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}},
        "lifecycle.preStop.tcpSocket.host": {
            "lifecycle": {"preStop": {"tcpSocket": {"host": "x"}}}
        },
    }.items():
        pod = copy.deepcopy(true)
        pod["containers"][0].update(laid_over)
        assert [*breaches(pod)] == [f"sealgate: {field}"]
    silent = {**copy.deepcopy(true), "securityContext": {}}
    assert [*breaches(silent)] == [
        "sealgate: securityContext.runAsNonRoot",
        "sealgate: securityContext.seccompProfile.type",
    ]
