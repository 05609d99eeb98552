"""The AsyncAPI document held against records that the real code wrote, both ways."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from ingress.eventlog.port import Record
from sealgate.topics.asyncapi import document
from sealgate.topics.headers import HEADERS, RELEASES, SIGNED_HEADERS
from tests.support.gallery import Place, play

MESSAGES = document()["components"]["messages"]
# Without a key nothing is sealed, and this gateway has none; the document's own example has it.
RARE = {("quarantine", "ce_seal")}


async def _hold(place: Place) -> None:
    """Hold a payment and let it go, beside the running gateway."""
    payment = place.references["Paid in full"]
    said = ("--by", "ann", "--role", "operations", "--note", "asked by mail")
    for key, action, reason in (
        ("h1", "hold", "suspected_fraud"),
        ("h2", "release", "check_passed"),
    ):
        shown = json.loads((await place.typed("payments", "show", payment, "--json")).out)
        version = ("--expect-version", shown["version"], "--approved-by", "kim")
        about = (payment, "--kind", "operator", "--reason", reason, "--key", key)
        done = await place.typed("payments", action, *about, *said, *version)
        assert done.code == 0, done


@pytest.fixture(scope="module", name="place")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return play(tmp_path_factory.mktemp("gallery"), _hold)


def _told(record: Record) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


def _written(place: Place) -> Iterator[tuple[str, Record, dict[str, str]]]:
    """Yield every record with its message."""
    for word, records in place.records.items():
        for record in records:
            told = _told(record)
            if not told:
                continue  # what nobody of us wrote: the junk of this test
            is_release = told["ce_type"].startswith("com.sealgate.quarantine.release")
            yield RELEASES if is_release else word, record, told


def _payload(message: str, record: Record) -> Any:
    value = record.value or b""
    if message == "lifecycle":
        return json.loads(value)
    return value.decode("utf-8", "replace")


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Take a schema at its word: what it does not name is not there."""
    if "properties" not in schema:
        return schema
    return {**schema, "additionalProperties": False}


def test_every_kind_of_record_was_written(place: Place) -> None:
    """Or what follows would hold of nothing."""
    assert {message for message, _, _ in _written(place)} == MESSAGES.keys()


def test_every_record_is_as_the_document_says_and_has_nothing_more(place: Place) -> None:
    """A subscriber is written from this document alone."""
    checker = FormatChecker()
    judges = {
        name: tuple(
            Draft7Validator(_strict(message[part]), format_checker=checker)
            for part in ("headers", "payload")
        )
        for name, message in MESSAGES.items()
    }
    for message, record, told in _written(place):
        headers, payload = judges[message]
        headers.validate(told)
        payload.validate(_payload(message, record))
        assert len(told) == len(record.headers), "a header that stands twice"


def test_every_header_that_the_document_names_is_written(place: Place) -> None:
    """What is never there is not promised."""
    seen = {(message, name) for message, _, told in _written(place) for name in told}
    named = {(message, name) for message, headers in HEADERS.items() for name in headers}
    assert named - seen == RARE
    assert any(re.match(SIGNED_HEADERS, name) for _, name in seen)


def test_a_header_that_is_not_always_there_says_when_and_is_missing_at_times(place: Place) -> None:
    """Optional means that a record was written without it."""
    always: dict[str, set[str]] = {}
    for message, _, told in _written(place):
        always[message] = always.get(message, set(told)) & set(told)
    for message, headers in HEADERS.items():
        optional = {name for name, header in headers.items() if header.when}
        # Over loopback there is always an address.
        assert not optional & always[message] - {"ce_network"}, message


def test_every_type_of_notice_is_written_and_what_the_holds_are(place: Place) -> None:
    """Each state of a payment and each end of a hold has its type; the gallery has nearly all."""
    types = {told["ce_type"] for message, _, told in _written(place) if message == "lifecycle"}
    words = {one.rpartition(".")[2] for one in types}
    assert {"held", "released", "confirmed", "underpaid", "expired", "refunded"} <= words
    known = MESSAGES["lifecycle"]["headers"]["properties"]["ce_type"]["enum"]
    assert types <= set(known)


def test_the_record_key_is_the_partition_key_that_the_header_says(place: Place) -> None:
    """A subscriber that reads through a proxy sees only headers."""
    for message, record, told in _written(place):
        if "ce_partitionkey" in told:
            assert record.key is not None, message
            assert record.key.decode() == told["ce_partitionkey"]
