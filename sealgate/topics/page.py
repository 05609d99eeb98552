"""`docs/topics.md` and `deploy/asyncapi.yaml`, written from the declaration by ``make docs``.

The declaration flows in; Markdown and an AsyncAPI document flow out. A test compares the files with
what is written here.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from ingress.contract.declaration import TOPICS, Role, Topic
from sealgate.topics.asyncapi import as_yaml, document
from sealgate.topics.rights import operations

EXAMPLE = "<environment>"
_INTRODUCTION = (
    "Generated from `ingress/contract/declaration.py` by `make docs`. `sealgate topics plan`"
    " compares a cluster with it; [running with Kafka](kafka.md) tells how. The headers and what"
    " they mean: [asyncapi.yaml](../deploy/asyncapi.yaml)."
)
_SETTINGS = (
    "Every topic: `cleanup.policy=delete`, `min.insync.replicas` one less than its replicas (three,"
    " so two), `unclean.leader.election.enable=false`, `message.timestamp.type=LogAppendTime`, and"
    " `max.message.bytes` of the largest record."
)
_RIGHTS = (
    "`READ` and `WRITE` hold `DESCRIBE`. No role needs a right on the cluster. A worker needs"
    " `READ` on its groups too: `consumer.group`, and the same with `.alarms`; the operator"
    " `DESCRIBE`, to see who is in them. A subscriber is given `READ` on the lifecycle topic alone,"
    " on the verified one only with `--subscriber-verified`, and on groups of its own."
)


def page() -> str:
    """Write the page."""
    return "\n".join(
        [
            "# Topics",
            "",
            _INTRODUCTION,
            "",
            "| topic | holds | key | value | kept |",
            "|---|---|---|---|---|",
            *(_row(topic) for topic in TOPICS),
            "",
            _SETTINGS,
            "",
            "## Rights",
            "",
            _RIGHTS,
            "",
            f"| role | {' | '.join(topic.word for topic in TOPICS)} |",
            f"|---|{'---|' * len(TOPICS)}",
            *(_rights(role) for role in Role),
            "",
        ]
    )


def _row(topic: Topic) -> str:
    kept = "`quarantine.days`" if topic.kept_ms is None else f"{_days(topic.kept_ms)} days or more"
    name = f"payments.{EXAMPLE}.{topic.word}"
    return f"| `{name}` | {topic.purpose} | {topic.key} | {topic.value} | {kept} |"


def _days(kept_ms: int) -> int:
    return kept_ms // (24 * 3600 * 1000)


def _rights(role: Role) -> str:
    return f"| {role} | {' | '.join(_cells(role))} |"


def _cells(role: Role) -> Iterator[str]:
    for topic in TOPICS:
        names = [operation.name for operation in operations(role, topic)]
        yield ", ".join(names) or "none"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    Path(sys.argv[2]).write_text(as_yaml(document()), encoding="utf-8")
