"""The AsyncAPI document of the topics, for those who write subscribers.

The declaration flows in, a document flows out, as the specification 3.0 has it: what *we* do is an
operation, so a subscriber of ours does the opposite. Written as YAML whose every text is a JSON
string, which YAML reads as it stands; so no library is needed to write it.
"""

import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from consumers.notices import VERSION as NOTICE_VERSION
from ingress.contract import declaration
from ingress.contract.declaration import TOPICS, Role, Topic
from ingress.contract.envelope import VERSION as ENVELOPE_VERSION
from ingress.eventlog.port import RECORD_BYTES_MAX

ENVIRONMENT = "{environment}"
PARTITIONS = 6
_BINDING = "0.5.0"
# As CloudEvents' binary mode has it: each attribute is a header of its own.
_ALWAYS = {
    "ce_specversion": "1.0, of CloudEvents",
    "ce_id": "what identifies the event; the same each time it is delivered",
    "ce_source": "where it comes from, as a URI",
    "ce_type": "the word for what happened, behind a prefix",
    "ce_time": "when it happened, RFC 3339",
    "ce_environment": "of the process that wrote it",
    "content-type": "of the value",
}
_OF_PAYMENTS = {
    "ce_recordedtime": "when it was received, RFC 3339",
    "ce_partitionkey": "the record's key",
}
_OF_ENVELOPES = {
    "ce_sealgateversion": f"of the envelope; today {ENVELOPE_VERSION}",
    "ce_provider": "who sent it",
    "ce_account": "whose events these ids are unique among",
    "ce_eventtype": "the provider's own word",
    "ce_correlationid": "finds the whole story, in logs and in the store",
    "ce_traceparent": "the trace that began with the delivery",
    "ce_keyid": "which key proved it",
    "ce_scheme": "how it was signed",
    "ce_coverage": "how much the signature speaks for: full, partial, none",
    "ce_assurance": "what the proof is worth: A to E; D and E are hints, which move nothing",
    "ce_bodydigest": "of the value",
    "ce_livemode": "live, test or unknown, as the delivery says",
}
_AT_TIMES = {
    "ce_subject": "the payment, where the event is about one",
    "ce_tracelink": "the trace that the provider sent",
    "ce_signedtime": "when the provider signed it",
    "ce_latetime": "when it was verified, where that was later than its receipt",
    "ce_timesource": "where ce_time is the receipt: provider or receipt, whose clock it is of",
}

_OF_NOTICES = {
    "ce_sealgatenotice": f"of the notice; today {NOTICE_VERSION}",
    "ce_provider": "whose payment it is",
    "ce_account": "whose payments these references are unique among",
    "ce_subject": "the payment",
    "ce_correlationid": "finds the whole story, in logs and in the store",
    "ce_traceparent": "the trace that began with the delivery",
    "ce_paymentversion": "counts the payment's moves, without a gap; a hold alone has the last one",
}
_OF_NOTICES_AT_TIMES = {
    "ce_effectkey": "there where goods may leave: send them once for each key",
}


def document() -> dict[str, Any]:
    """Return the document, as plain data."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sealgate",
            "version": metadata.version("sealgate"),
            "description": "Verified events of payments, and what became of them.",
        },
        "channels": {topic.word: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {"messages": {topic.word: _message(topic) for topic in TOPICS}},
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
        "messages": {topic.word: {"$ref": f"#/components/messages/{topic.word}"}},
        "bindings": {
            "kafka": {
                "bindingVersion": _BINDING,
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
                    },
                )


def _message(topic: Topic) -> dict[str, Any]:
    required = dict(_ALWAYS)
    optional: dict[str, str] = {}
    if topic in {declaration.VERIFIED, declaration.LIFECYCLE}:
        required |= _OF_PAYMENTS
    if topic is declaration.VERIFIED:
        required |= _OF_ENVELOPES
        optional = _AT_TIMES
    if topic is declaration.LIFECYCLE:
        required |= _OF_NOTICES
        optional = _OF_NOTICES_AT_TIMES
    named = required | optional
    return {
        "name": topic.word,
        "summary": topic.value,
        "headers": {
            "type": "object",
            "properties": {
                name: {"type": "string", "description": told} for name, told in named.items()
            },
            "required": sorted(required),
        },
        "payload": {"description": topic.value},
        "bindings": {
            "kafka": {
                "bindingVersion": _BINDING,
                "key": {"type": "string", "description": topic.key},
            }
        },
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
            yield f"{indent}- {json.dumps(value)}"
