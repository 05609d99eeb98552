"""The manifests of deploy/kustomize as a cluster would get them: rendered, and taken apart."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sealgate.config import Settings
from sealgate.role import Role
from tests.support.deployed import BIN, DEPLOY, ROLE_OF, documents, run, settings

FOLDER = DEPLOY / "kustomize"
ENDS = ("base", "overlays/dev", "overlays/prod")
WORKLOADS = {"Deployment", "StatefulSet", "Job"}

Resource = dict[str, Any]


@cache
def rendered(folder: Path) -> list[Resource]:
    """Render a folder as `kubectl apply --kustomize` would."""
    code, said = run(BIN / "kubectl", "kustomize", folder)
    assert code == 0, said
    return documents(said)


def resources_of(end: str) -> list[Resource]:
    """Render the base or an overlay."""
    return rendered(FOLDER / end)


def rendered_with(folder: Path, end: str, components: Sequence[str]) -> list[Resource]:
    """Render an end with more components than it has."""
    up = "../" * len(folder.resolve().parts[1:]) + str(FOLDER).lstrip("/")
    more = [f"{up}/components/{one}" for one in components]
    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{up}/{end}]\ncomponents: {json.dumps(more)}\n"
    )
    return rendered(folder)


def the(resources: list[Resource], kind: str, name: str = "") -> Resource:
    """Return the one resource of a kind, or of a kind and a name."""
    (found,) = [
        one for one in resources if one["kind"] == kind and name in {"", one["metadata"]["name"]}
    ]
    return found


def pod_of(workload: Resource) -> Resource:
    """Return what a workload says of its pods."""
    spec: Resource = workload["spec"]["template"]["spec"]
    return spec


def container_of(workload: Resource) -> Resource:
    """Return the one container of a workload's pods."""
    (found,) = pod_of(workload)["containers"]
    return dict(found)


def workloads_in(resources: list[Resource]) -> list[Resource]:
    """Return everything that makes pods."""
    return [one for one in resources if one["kind"] in WORKLOADS]


def processes_in(resources: list[Resource]) -> Mapping[Role, Resource]:
    """Return the workload of each role, by the command that its pods are started with."""
    return {
        ROLE_OF[container_of(one)["args"][0]]: one
        for one in workloads_in(resources)
        if container_of(one)["args"][0] in ROLE_OF
    }


def variables_of(workload: Resource) -> dict[str, str]:
    """Return the variables of a workload's container."""
    return {one["name"]: one["value"] for one in container_of(workload)["env"]}


def configuration_in(resources: list[Resource]) -> str:
    """Return the text of sealgate.toml."""
    return str(the(resources, "ConfigMap", "sealgate")["data"]["sealgate.toml"])


def settings_of(resources: list[Resource], directory: Path) -> Settings:
    """Return the settings of sealgate.toml, read beside nothing."""
    return settings(directory / "sealgate.toml", configuration_in(resources))


def is_selected(selector: Resource, labels: dict[str, str]) -> bool:
    """Say whether a selector is for a pod with these labels."""
    fits = selector.get("matchLabels", {}).items() <= labels.items()
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In"
        fits = fits and labels.get(one["key"]) in one["values"]
    return fits
