"""The limits of size, and the sentence on every test: what a linter does not hold is held here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("ingress", "consumers", "dashboards", "sealgate", "deploy")
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# Words for things that have a name in the field; see the table in CONTRIBUTING.md.
FORBIDDEN_MODULES = frozenset({"utils", "util", "helpers", "common", "misc", "base", "service"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", _modules(*PRODUCT, "tests"), ids=_name)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    """Beyond this a file has become a drawer: split it by meaning."""
    assert len(path.read_text().splitlines()) <= MODULE_LINES_MAX


@pytest.mark.parametrize("path", _modules(*PRODUCT, "tests"), ids=_name)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    """The loop, the start-up and the parser are where this is hardest and matters most."""
    too_long = [
        node.name
        for node in _functions(path)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert too_long == []


@pytest.mark.parametrize("path", _modules(*PRODUCT), ids=_name)
def test_a_module_is_named_by_what_it_is_about(path: Path) -> None:
    """Everything fits into a module called utils, which is why nothing is found there."""
    assert path.stem not in FORBIDDEN_MODULES


@pytest.mark.parametrize("path", _modules("tests"), ids=_name)
def test_every_test_says_why_it_matters(path: Path) -> None:
    """Whoever sees it fail must learn from it what the world loses."""
    silent = [
        node.name
        for node in _functions(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []


@pytest.mark.parametrize("path", _modules(*PRODUCT), ids=_name)
def test_no_rule_is_silenced_in_place(path: Path) -> None:
    """An exception to a rule is one reviewed line in pyproject.toml, with its reason."""
    text = path.read_text()
    found = [mark for mark in ("# noqa", "# type: ignore", "# pragma:") if mark in text]
    assert found == []
