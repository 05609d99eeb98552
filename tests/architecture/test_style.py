"""The limits of size, and the sentence on every test: what a linter does not hold is held here."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PRODUCT = ("ingress", "consumers", "dashboards", "sealgate", "deploy")
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# Words for things that have a name in the field; see the table in CONTRIBUTING.md.
FORBIDDEN_MODULES = frozenset({"utils", "util", "helpers", "common", "misc", "base", "service"})


class Function(NamedTuple):
    """A function as far as the rules look at it."""

    name: str
    lines: int
    is_explained: bool


@cache
def _functions(path: Path) -> tuple[Function, ...]:
    return tuple(
        Function(
            node.name,
            (node.end_lineno or node.lineno) - node.lineno + 1,
            ast.get_docstring(node) is not None,
        )
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@cache
def _modules(*folders: str) -> list[Path]:
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert len(found) > 10 * len(folders), "where are the modules?"
    return found


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_a_module_can_be_read_in_one_sitting() -> None:
    """Beyond this a file has become a drawer: split it by meaning."""
    lines = {
        _name(path): len(path.read_text().splitlines()) for path in _modules(*PRODUCT, "tests")
    }
    assert {name: count for name, count in lines.items() if count > MODULE_LINES_MAX} == {}


def test_a_function_fits_on_a_screen() -> None:
    """The loop, the start-up and the parser are where this is hardest and matters most."""
    too_long = [
        f"{_name(path)}: {function.name}"
        for path in _modules(*PRODUCT, "tests")
        for function in _functions(path)
        if function.lines > FUNCTION_LINES_MAX
    ]
    assert too_long == []


def test_a_module_is_named_by_what_it_is_about() -> None:
    """Everything fits into a module called utils, which is why nothing is found there."""
    modules = _modules(*PRODUCT)
    assert [_name(path) for path in modules if path.stem in FORBIDDEN_MODULES] == []


def test_every_test_says_why_it_matters() -> None:
    """Whoever sees it fail must learn from it what the world loses."""
    silent = [
        f"{_name(path)}: {function.name}"
        for path in _modules("tests")
        for function in _functions(path)
        if function.name.startswith("test_") and not function.is_explained
    ]
    assert silent == []


def test_no_rule_is_silenced_in_place() -> None:
    """An exception to a rule is one reviewed line in pyproject.toml, with its reason."""
    found = [
        f"{_name(path)}: {mark}"
        for path in _modules(*PRODUCT)
        for mark in ("# noqa", "# type: ignore", "# pragma:")
        if mark in path.read_text()
    ]
    assert found == []
