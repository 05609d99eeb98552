"""The OpenAPI documents as documents: valid, of this version, their examples true, types told."""

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from ingress.answers import PROBLEMS
from tests.support.openapi import FOLDER, Document

NAMES = sorted(file.name for file in FOLDER.glob("*.yaml"))
PAGE = Path(__file__).parents[3] / "docs/interfaces.md"


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_valid(name: str) -> None:
    """By the specification's own schema, read by a party that is not us."""
    whole = Document.of(name).whole
    validate(dict(whole))
    assert whole["openapi"] == "3.1.1"
    assert whole["info"]["version"] == metadata.version("sealgate")


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_word_in_a_document_is_found(name: str) -> None:
    """Or the test above would hold for anything."""
    whole = dict(Document.of(name).whole)
    with pytest.raises(Exception, match="misspelt"):
        validate(whole | {"misspelt": {}})


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_hold_against_their_schemas(name: str) -> None:
    """An example is what people copy."""
    document = Document.of(name)
    found = list(_examples(document.whole, "#"))
    assert found
    for at, example in found:
        document.hold(f"{at}/schema", example)


def _examples(node: Any, at: str) -> list[tuple[str, Any]]:
    """Find every place that has an example beside a schema."""
    if not isinstance(node, dict):
        return []
    found = [(at, node["example"])] if "example" in node and "schema" in node else []
    for name, value in node.items():
        step = str(name).replace("~", "~0").replace("/", "~1").replace("{", "%7B")
        found += _examples(value, f"{at}/{step.replace('}', '%7D')}")
    return found


def test_the_page_tells_every_type_of_problem() -> None:
    """The type of a problem is an address to read about it, as RFC 9457 would have it."""
    page = PAGE.read_text("utf-8")
    for problem in PROBLEMS.values():
        assert f"| `urn:sealgate:problem:{problem.name}` |" in page
