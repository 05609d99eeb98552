"""Every example of the format's page is a profile that loads, alone or in the place of Stripe's."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ingress.providers.compiling import compile_profile
from ingress.providers.declaration import Declaration
from ingress.providers.parameters import Parameter, fill, resolve

PAGE = Path(__file__).parents[4] / "docs" / "providers-format.md"
EXAMPLES = [
    tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
]


def _whole(example: dict[str, Any]) -> dict[str, Any]:
    """Put a part of a profile into the first example, which is whole."""
    if "title" in example:
        return dict(example)
    whole = {name: entry for name, entry in EXAMPLES[0].items() if name != "freshness"}
    return {**whole, "assurance": None, **example}


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_is_a_profile(number: int) -> None:
    """An author begins by copying one."""
    table = _whole(EXAMPLES[number])
    declared = {
        name: Parameter.model_validate(entry) for name, entry in table.pop("parameters", {}).items()
    }
    declaration = Declaration.model_validate(fill(table, resolve(declared, {})))
    assert compile_profile("example", declaration).scheme


def test_there_are_examples() -> None:
    """A page whose fences changed would pass with none."""
    assert len(EXAMPLES) == 5
