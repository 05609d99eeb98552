"""The profile "restricted" of the Pod Security Standards, as a table; a pod is judged by it.

A namespace of ours says `pod-security.kubernetes.io/enforce: restricted`, so a cluster refuses each
pod that is not of this profile: the workload is accepted, and no pod of it ever starts. Source:
https://kubernetes.io/docs/concepts/security/pod-security-standards/, the tables "Baseline" and
"Restricted". Left out is what is of Windows alone.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tests.support.manifests import Resource

ABSENT = None
VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


class Rule(NamedTuple):
    """One restricted field: where it stands, and which values it may have there."""

    path: str
    allows: Callable[[Any], bool]


def among(*values: object) -> Callable[[Any], bool]:
    """Allow these values."""
    return lambda found: found in values


OF_A_POD: Sequence[Rule] = (
    Rule("hostNetwork", among(False, ABSENT)),
    Rule("hostPID", among(False, ABSENT)),
    Rule("hostIPC", among(False, ABSENT)),
    Rule("securityContext.sysctls", lambda all_: {one["name"] for one in all_ or ()} <= SYSCTLS),
    Rule("volumes", lambda all_: all(set(one) - {"name"} <= VOLUMES for one in all_ or ())),
)
OF_A_CONTAINER: Sequence[Rule] = (
    Rule("securityContext.privileged", among(False, ABSENT)),
    Rule("securityContext.allowPrivilegeEscalation", among(False)),
    Rule("securityContext.capabilities.drop", lambda found: "ALL" in (found or ())),
    Rule("securityContext.capabilities.add", among(ABSENT, [], ["NET_BIND_SERVICE"])),
    Rule("securityContext.procMount", among("Default", ABSENT)),
    Rule("ports", lambda all_: all(not one.get("hostPort") for one in all_ or ())),
    *(
        Rule(f"{where}.{how}.host", among("", ABSENT))
        for where in (*PROBES, "lifecycle.postStart", "lifecycle.preStop")
        for how in ("httpGet", "tcpSocket")
    ),
)
# What a container does not say itself is what its pod says.
OF_EITHER: Sequence[Rule] = (
    Rule("securityContext.runAsNonRoot", among(True)),
    Rule("securityContext.runAsUser", lambda found: found != 0),
    Rule("securityContext.seccompProfile.type", among("RuntimeDefault", "Localhost")),
    Rule("securityContext.appArmorProfile.type", among("RuntimeDefault", "Localhost", ABSENT)),
    Rule(
        "securityContext.seLinuxOptions.type",
        among(
            ABSENT, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"
        ),
    ),
    Rule("securityContext.seLinuxOptions.user", among("", ABSENT)),
    Rule("securityContext.seLinuxOptions.role", among("", ABSENT)),
)


def breaches(pod: Resource) -> Iterator[str]:
    """Yield the fields in which the specification of a pod is not of the profile."""
    yield from (rule.path for rule in OF_A_POD if not rule.allows(_at(pod, rule.path)))
    for container in (one for kind in CONTAINERS for one in pod.get(kind, ())):
        name = container["name"]
        for rule in OF_A_CONTAINER:
            if not rule.allows(_at(container, rule.path)):
                yield f"{name}: {rule.path}"
        for rule in OF_EITHER:
            said = _at(container, rule.path)
            found = [_at(pod, rule.path) if said is ABSENT else said]
            # What a pod says that is forbidden is so, though each of its containers says better.
            found += [_at(pod, rule.path)] if _at(pod, rule.path) is not ABSENT else []
            if not all(map(rule.allows, found)):
                yield f"{name}: {rule.path}"


def _at(said: Any, path: str) -> Any:
    for word in path.split("."):
        said = (said or {}).get(word)
    return said
