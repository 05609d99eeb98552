"""Write what is generated: the rules, the same as a resource, and the page about the alerts.

python -m dashboards.prometheus.page dashboards/prometheus docs/alerts.md
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dashboards.prometheus import rules, thresholds
from dashboards.prometheus.alert import RUNBOOKS, Alert

RESOURCE = "prometheusrule.yaml"
LABEL = re.compile(r"\{\{ (?:or )?\$labels\.(\w+)(?: \$labels\.(\w+))? \}\}")
TEMPLATE = Path(__file__).with_name("alerts.template.md")


def page() -> str:
    """Write the page about all alerts."""
    numbers = (f"| `{name}` | {one.said} | {one.why} |" for name, one in thresholds.TABLE.items())
    parts = {
        "runbooks": f"`{RUNBOOKS}`",
        "alerts": "\n".join(_row(one) for one in rules.alerts()),
        "numbers": "\n".join(numbers),
    }
    text = TEMPLATE.read_text()
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part)
    return text


def _row(one: Alert) -> str:
    # A label stands for what it will be: {{ $labels.source }} is written SOURCE.
    action = LABEL.sub(_named, one.action)
    link = f"[{one.runbook.removesuffix('.md')}](runbooks/{one.runbook})"
    held = "at once" if one.held == "0s" else one.held
    return f"| `{one.name}` | {one.severity} | {one.when} | {held} | {action} | {link} |"


def _named(found: re.Match[str]) -> str:
    return " or ".join(name.upper() for name in found.groups() if name)


def files() -> Mapping[str, str]:
    """Return the generated files of this directory, by name."""
    found = {
        f"{name}.rules.yml": rules.written(rules.prometheus(groups))
        for name, groups in rules.FILES.items()
    }
    return {**found, RESOURCE: rules.written(rules.resource())}


def main(words: Sequence[str]) -> None:
    """Write the files into the directory, and the page, that are named."""
    directory, at = map(Path, words)
    for name, content in files().items():
        (directory / name).write_text(content)
    at.write_text(page())


if __name__ == "__main__":
    main(sys.argv[1:])
