"""Read the source of the primitives: a digest of ours meets `hmac.compare_digest` and nothing else.

A test with a stopwatch proves little on a busy machine; the text of the program proves it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ingress.schemes

ROOT = Path(ingress.schemes.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
# What makes a digest, and what may meet one.
MAKERS = {"hmac.digest", "hmac.new", "hashlib.new"}
JUDGE = "hmac.compare_digest"


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _leaks(source: str) -> list[str]:
    """Return every way in which a digest is used that is not a constant-time comparison."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    leaks, digests = [], set()
    for call in _calls(tree):
        if ast.unparse(call.func) not in MAKERS:
            continue
        parent = parents[call]
        if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
            digests.add(parent.targets[0].id)
        else:
            leaks.append(ast.unparse(parent))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in digests and isinstance(node.ctx, ast.Load):
            user = parents[node]
            if not (isinstance(user, ast.Call) and ast.unparse(user.func) == JUDGE):
                leaks.append(ast.unparse(user))
    return leaks


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_digest_is_only_compared_in_constant_time(module: Path) -> None:
    """Attack 17: an ordinary comparison stops at the first wrong byte, and that can be timed."""
    assert _leaks(module.read_text()) == []


def test_some_module_makes_a_digest_at_all() -> None:
    """The rule above must have something to hold."""
    assert any(
        ast.unparse(call.func) in MAKERS
        for module in MODULES
        for call in _calls(ast.parse(module.read_text()))
    )


@pytest.mark.parametrize(
    "source",
    [
        "mine = hmac.digest(key, message, 'sha256')\nok = mine == sent",
        "ok = hmac.digest(key, message, 'sha256') == sent",
        "mine = hmac.new(key, message, 'sha256')\nok = sent in {mine}",
        "mine = hmac.digest(key, message, 'sha256')\nok = sent.startswith(mine)",
    ],
)
def test_the_rule_finds_what_it_forbids(source: str) -> None:
    """A rule that never objects proves nothing."""
    assert _leaks(source)


def test_the_primitives_are_strangers_to_each_other() -> None:
    """A primitive may be read, tested and distrusted by itself."""
    for module in ROOT.glob("[a-z]*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "ingress.schemes"
            ):
                assert (node.module or "").startswith("ingress.schemes.parts")
