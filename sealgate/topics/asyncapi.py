"""The AsyncAPI document of the topics, for those who write subscribers.

The declaration flows in, a document flows out, as the specification 3.1 has it: what *we* do is an
operation, so a subscriber of ours does the opposite. Written as YAML whose every text is a JSON
string, which YAML reads as it stands; so no library is needed to write it.
"""

import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from ingress.contract import declaration
from ingress.contract.declaration import TOPICS, Role, Topic
from ingress.eventlog.port import RECORD_BYTES_MAX
from sealgate.topics import headers
from sealgate.topics.examples import examples
from sealgate.topics.payloads import CONTENT_TYPES, PAYLOADS

ENVIRONMENT = "{environment}"
PARTITIONS = 6
_BINDING = "0.5.0"
_LICENSE = "https://www.apache.org/licenses/LICENSE-2.0"
_DESCRIPTION = (
    "Verified events of payments, and what became of them. Every record is a CloudEvent in Kafka's"
    " binary mode: its attributes are headers, in UTF-8. What is promised of order, repetition and"
    " versions is told in docs/subscribing.md. A header or a field may be added without a new"
    " version; none is taken away or changed: ignore what you do not know."
)
_SERVER = {
    "host": "{host}:{port}",
    "protocol": "kafka-secure",
    "description": "The cluster of `log.url`, and how it is reached, of docs/kafka.md.",
    "variables": {
        "host": {"default": "localhost", "description": "a broker to begin with"},
        "port": {"default": "9093", "description": "of the listener for clients"},
    },
}
_SUMMARIES = {headers.RELEASES: "that a kept delivery was verified after all, and published"}


def document() -> dict[str, Any]:
    """Return the document, as plain data."""
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Sealgate",
            "version": metadata.version("sealgate"),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": _LICENSE},
        },
        "servers": {"kafka": _SERVER},
        "channels": {topic.word: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "messages": {
                message: _message(topic, message)
                for topic in TOPICS
                for message in headers.messages(topic)
            }
        },
    }


def as_yaml(content: Mapping[str, Any]) -> str:
    """Write plain data as YAML, in blocks."""
    head = "# Generated from ingress/contract/declaration.py by `make docs`."
    return "\n".join([head, *_lines(content, "")]) + "\n"


def _channel(topic: Topic) -> dict[str, Any]:
    kept_ms = declaration.RETENTION_MS if topic.kept_ms is None else topic.kept_ms
    settings = declaration.settings(declaration.REPLICAS_MIN, RECORD_BYTES_MAX, kept_ms)
    return {
        "address": f"payments.{ENVIRONMENT}.{topic.word}",
        "description": topic.purpose,
        "parameters": {"environment": {"description": "the environment that a process serves"}},
        "messages": {
            message: {"$ref": f"#/components/messages/{message}"}
            for message in headers.messages(topic)
        },
        "bindings": {
            "kafka": {
                "bindingVersion": _BINDING,
                "topic": f"payments.{ENVIRONMENT}.{topic.word}",
                "partitions": PARTITIONS,
                "replicas": declaration.REPLICAS_MIN,
                "topicConfiguration": {
                    declaration.CLEANUP: [settings[declaration.CLEANUP]],
                    declaration.RETENTION: int(settings[declaration.RETENTION]),
                    declaration.RECORD_BYTES: int(settings[declaration.RECORD_BYTES]),
                },
            }
        },
    }


def _operations() -> Iterator[tuple[str, Any]]:
    for topic in TOPICS:
        ours = (("send", topic.writers), ("receive", topic.readers))
        for action, roles in ours:
            for role in sorted(roles - {Role.SUBSCRIBER, Role.OPERATOR}):
                yield (
                    f"{role}-{action}s-{topic.word}",
                    {
                        "action": action,
                        "channel": {"$ref": f"#/channels/{topic.word}"},
                        "summary": topic.purpose,
                        **_read_by(action, role),
                    },
                )


def _read_by(action: str, role: Role) -> dict[str, Any]:
    """Name the consumer group of those who read in one."""
    if (action, role) != ("receive", Role.WORKER):
        return {}
    group = {"type": "string", "description": "`consumer.group`; of alarms with .alarms behind it"}
    return {"bindings": {"kafka": {"bindingVersion": _BINDING, "groupId": group}}}


def _message(topic: Topic, message: str) -> dict[str, Any]:
    content_type = CONTENT_TYPES.get(message)
    return {
        "name": message,
        "summary": _SUMMARIES.get(message, topic.purpose),
        **({} if content_type is None else {"contentType": content_type}),
        "headers": headers.schema(message),
        "payload": dict(PAYLOADS[message]),
        "bindings": {
            "kafka": {
                "bindingVersion": _BINDING,
                "key": {"type": "string", "description": topic.key},
            }
        },
        "examples": examples(message),
    }


def _lines(content: Any, indent: str) -> Iterator[str]:
    if isinstance(content, Mapping):
        for name, value in content.items():
            if isinstance(value, Mapping | list) and value:
                yield f"{indent}{json.dumps(name)}:"
                yield from _lines(value, indent + "  ")
            else:
                yield f"{indent}{json.dumps(name)}: {json.dumps(value)}"
    else:
        for value in content:
            if isinstance(value, Mapping):
                first, *others = _lines(value, indent + "  ")
                yield f"{indent}- {first.lstrip()}"
                yield from others
            else:
                yield f"{indent}- {json.dumps(value)}"
