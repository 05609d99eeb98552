"""The control matrix and its page: what they name is there, and nothing is left out."""

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from sealgate.__main__ import application
from sealgate.evidence.claims import CLAIMS, NAMED, Proof, Section
from sealgate.evidence.controls import CONTROLS, Control
from sealgate.evidence.page import BEGIN, END, page

ROOT = Path(__file__).parents[4]


@cache
def _functions(file: Path) -> frozenset[str]:
    """Name the test functions of a file, as pytest would find them."""
    tree = ast.parse(file.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(one.name for one in tree.body if isinstance(one, kinds))


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_the_tests_of_a_control_are_there(control: Control) -> None:
    """An auditor who looks for a test that was renamed finds a control that nothing holds."""
    for test in control.tests:
        file, _, name = test.partition("::")
        assert name.startswith("test_")
        assert (ROOT / "tests" / file).is_file(), test
        assert name in _functions(ROOT / "tests" / file), test
    assert control.tests


def test_every_promise_has_a_control() -> None:
    """A promise of the README that no control keeps is a word."""
    readme = (ROOT / "README.md").read_text("utf-8")
    promised = set(re.findall(r"^\| (P\d+) \|", readme, re.MULTILINE))
    assert len(promised) == 10
    assert promised == {promise for control in CONTROLS for promise in control.promises}


def test_every_claim_stands_in_the_matrix() -> None:
    """Evidence for which nobody can name a test is a story."""
    shown = {claim for control in CONTROLS for claim in control.claims}
    assert shown == {claim.name for claim in CLAIMS}
    assert len(NAMED) == len(CLAIMS)
    assert len({control.name for control in CONTROLS}) == len(CONTROLS)


def test_every_section_is_proven_in_both_ways() -> None:
    """What only a throw-away gateway shows did not happen here; what only happened is luck."""
    found = {(claim.section, claim.proof) for claim in CLAIMS}
    assert found == {(section, proof) for section in Section for proof in Proof}


def test_the_page_is_as_it_would_be_written() -> None:
    """A table that is older than the code tells of another program."""
    text = (ROOT / "docs" / "evidence.md").read_text("utf-8")
    assert page(text) == text
    assert page(f"before\n{BEGIN}\nold\n{END}\nafter\n").startswith(f"before\n{BEGIN}\n\n###")
    with pytest.raises(ValueError, match="marks"):
        page("a page without them")


def test_what_repeats_a_claim_can_be_typed() -> None:
    """A report is checked by whoever reads it, with the commands that stand in it."""
    for claim in CLAIMS:
        for command in claim.repeat.split("; "):
            name, *words = shlex.split(command)
            assert name == "sealgate"
            # A drill is named by whoever types it; any one of them will do.
            words = ["divergence" if word == "NAME" else word for word in words]
            application().parse_args(words, print_error=False, exit_on_error=False)
