"""Setting some of a topic's settings and leaving the others: a request that aiokafka lacks.

What aiokafka has (AlterConfigs) sets all that is named and takes back all that is not, whoever set
it. Kafka has had IncrementalAlterConfigs since 2.3 (KIP-339); version 0 of it is written here in
the library's own terms.
"""

from collections.abc import Mapping
from types import new_class
from typing import Any

from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.struct import Struct
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

_TEXT = String("utf-8")
_TOPIC = 2
_SET = 0
_KEY = {"API_KEY": 44, "API_VERSION": 0}
_ANSWER = Schema(
    ("throttle_time_ms", Int32),
    (
        "responses",
        Array(
            ("error_code", Int16),
            ("error_message", _TEXT),
            ("resource_type", Int8),
            ("resource_name", _TEXT),
        ),
    ),
)
_QUESTION = Schema(
    (
        "resources",
        Array(
            ("resource_type", Int8),
            ("resource_name", _TEXT),
            (
                "configs",
                Array(("name", _TEXT), ("config_operation", Int8), ("value", _TEXT)),
            ),
        ),
    ),
    ("validate_only", Boolean),
)


def _struct(name: str, base: type[Struct], parts: Mapping[str, object]) -> Any:
    return new_class(name, (base,), {}, lambda space: space.update(_KEY | dict(parts)))


_Answer = _struct("IncrementalAlterConfigsResponse_v0", Response, {"SCHEMA": _ANSWER})
_Question = _struct(
    "IncrementalAlterConfigsRequest_v0",
    RequestStruct,
    {"SCHEMA": _QUESTION, "RESPONSE_TYPE": _Answer},
)


class SetSettings:
    """Sets these settings of these topics, and no others."""

    def __init__(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        self._resources = [
            (_TOPIC, topic, [(name, _SET, value) for name, value in each.items()])
            for topic, each in settings.items()
        ]

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Any:
        """Return the request; a broker older than 2.3 has no such request, and refuses it."""
        return _Question(resources=self._resources, validate_only=False)
