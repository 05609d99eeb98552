"""The documents that are written from the declaration: current, and true to their standard."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator, FormatChecker

from ingress.contract.declaration import TOPICS
from sealgate.topics.asyncapi import as_yaml, document
from sealgate.topics.headers import HEADERS
from sealgate.topics.page import page
from tests.support.builders import envelope

ROOT = Path(__file__).parents[4]


def test_the_documents_are_what_the_declaration_says() -> None:
    """`make docs` was run after the last change."""
    assert (ROOT / "docs/topics.md").read_text("utf-8") == page()
    assert (ROOT / "deploy/asyncapi.yaml").read_text("utf-8") == as_yaml(document())


def test_the_yaml_reads_as_what_was_written() -> None:
    """It is written by hand: another reader must see the same."""
    assert yaml.safe_load(as_yaml(document())) == document()


def test_the_document_has_the_shape_of_asyncapi_3() -> None:
    """By the specification: required fields, closed words, references that lead somewhere."""
    read = document()
    assert read["asyncapi"] == "3.1.0"
    assert {"title", "version"} <= read["info"].keys()
    for name, operation in read["operations"].items():
        assert operation["action"] in {"send", "receive"}, name
        assert resolve(read, operation["channel"]["$ref"])
    for channel in read["channels"].values():
        for message in channel["messages"].values():
            assert resolve(read, message["$ref"])
        written = set(channel["address"].split("{")[1:])
        assert {word.split("}")[0] for word in written} == channel["parameters"].keys()
        kafka = channel["bindings"]["kafka"]
        assert min(kafka["partitions"], kafka["replicas"]) >= 1
    assert read["channels"].keys() == {topic.word for topic in TOPICS}


def resolve(whole: dict, reference: str) -> object:
    """Follow a reference within the document."""
    found = whole
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_every_header_of_an_envelope_is_told_and_none_that_is_not_there() -> None:
    """A subscriber is written from this document."""
    _, headers, _ = envelope().encode()
    told = document()["components"]["messages"]["verified"]["headers"]
    written = {name for name, _ in headers if not name.startswith("signed-")}
    assert written <= told["properties"].keys()
    assert set(told["required"]) <= written


@pytest.mark.parametrize("message", HEADERS)
def test_every_message_has_examples_that_hold_against_its_schemas(message: str) -> None:
    """The specification's parser does not look at them, and people copy them."""
    told = document()["components"]["messages"][message]
    assert told["examples"]
    for example in told["examples"]:
        for part in ("headers", "payload"):
            Draft7Validator(told[part], format_checker=FormatChecker()).validate(example[part])
        strange = example["headers"].keys() - told["headers"]["properties"].keys()
        assert all(name.startswith("signed-") for name in strange)


@pytest.mark.parametrize("part", ["headers", "payload"])
def test_an_example_that_lacks_what_is_promised_is_found(part: str) -> None:
    """Or the test above would hold for anything."""
    told = document()["components"]["messages"]["lifecycle"]
    for name in told[part]["required"]:
        lacking = {key: value for key, value in told["examples"][0][part].items() if key != name}
        assert not Draft7Validator(told[part]).is_valid(lacking)
