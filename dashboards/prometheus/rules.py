"""All rules together, and how they are written: for Prometheus itself, and for its operator."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from dashboards.prometheus import consumers, edge, keys, monitoring, payments, slo, verifying
from dashboards.prometheus.alert import RUNBOOKS, Alert, Group, Recording

FILES: Mapping[str, Sequence[Group]] = {
    "slo": slo.GROUPS,
    "edge": (*verifying.GROUPS, *keys.GROUPS, *edge.GROUPS),
    "consumers": consumers.GROUPS,
    "payments": payments.GROUPS,
    "monitoring": monitoring.GROUPS,
}
"""What stands in which file: each can be taken, and is tested, without the others."""
GROUPS = [group for groups in FILES.values() for group in groups]
HEAD = "# Written by `make docs` from dashboards/prometheus/*.py; do not edit.\n"


class _Writer(yaml.SafeDumper):
    """Writes expressions of several lines as they are read."""


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def written(content: Mapping[str, Any]) -> str:
    """Write a file of YAML."""
    return HEAD + yaml.dump(content, Dumper=_Writer, sort_keys=False, width=120, allow_unicode=True)


def alerts() -> list[Alert]:
    """Return every alert, in the order of the groups."""
    return [alert for group in GROUPS for alert in group.alerts]


def prometheus(groups: Iterable[Group]) -> dict[str, Any]:
    """Return rules as Prometheus reads them."""
    return {"groups": [_group(group) for group in groups]}


def resource() -> dict[str, Any]:
    """Return the same rules as a resource of the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "sealgate", "labels": {"app.kubernetes.io/name": "sealgate"}},
        "spec": prometheus(GROUPS),
    }


def _group(group: Group) -> dict[str, Any]:
    rules = [_recording(one) for one in group.recordings] + [_alert(one) for one in group.alerts]
    return {"name": group.name, "rules": rules}


def _recording(one: Recording) -> dict[str, Any]:
    return {"record": one.name, "expr": one.expression}


def _alert(one: Alert) -> dict[str, Any]:
    waits = {"for": one.held} if one.held != "0s" else {}
    return {
        "alert": one.name,
        "expr": one.expression,
        **waits,
        "labels": {"severity": one.severity.value},
        "annotations": {
            "summary": one.action,
            "description": one.details,
            "runbook_url": RUNBOOKS + one.runbook,
        },
    }
