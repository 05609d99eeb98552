"""Read the source of the primitives: a digest or a secret is compared in constant time, or not.

A test with a stopwatch proves little on a busy machine; the text of the program proves it. What
makes a digest, and what holds a secret, is followed through names, local functions and their
arguments; wherever it arrives, no ordinary comparison may meet it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ingress.schemes

ROOT = Path(ingress.schemes.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
# What makes a digest; and the attribute in which a key holds its secret.
MAKERS = {"hmac.digest", "hmac.new", "hashlib.new", "hashlib.sha256", "hashlib.sha1", "keccak.new"}
SECRET = "material"
JUDGE = "hmac.compare_digest"
# Methods that compare as `==` does, up to the first difference.
COMPARING = {"startswith", "endswith", "removeprefix", "find", "index", "count", "__eq__"}


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


class _Trace:
    """The names and functions of one module through which a digest passes."""

    def __init__(self, tree: ast.AST) -> None:
        self.names: set[str] = set()
        self.makers = set(MAKERS)
        self.functions = {
            node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
        }
        before = -1
        while before != len(self.names) + len(self.makers):
            before = len(self.names) + len(self.makers)
            self._follow(tree)

    def holds(self, node: ast.AST) -> bool:
        """Say whether an expression is a digest or a secret, or is made of one."""
        if isinstance(node, ast.Name):
            return node.id in self.names
        if isinstance(node, ast.Attribute):
            return node.attr == SECRET or self.holds(node.value)
        if isinstance(node, ast.Call):
            made = ast.unparse(node.func) in self.makers
            return made or (isinstance(node.func, ast.Attribute) and self.holds(node.func.value))
        if isinstance(node, ast.Subscript):
            return self.holds(node.value)
        if isinstance(node, ast.Set | ast.List | ast.Tuple):
            return any(self.holds(element) for element in node.elts)
        return isinstance(node, ast.BinOp) and (self.holds(node.left) or self.holds(node.right))

    def _follow(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and self.holds(node.value):
                self.names |= {one.id for one in node.targets if isinstance(one, ast.Name)}
            if isinstance(node, ast.Call) and ast.unparse(node.func) in self.functions:
                names = [one.arg for one in self.functions[ast.unparse(node.func)].args.args]
                passed = zip(names, node.args, strict=False)
                self.names |= {name for name, value in passed if self.holds(value)}
        for name, function in self.functions.items():
            returns = (one.value for one in ast.walk(function) if isinstance(one, ast.Return))
            if any(value is not None and self.holds(value) for value in returns):
                self.makers.add(name)


def _leaks(source: str) -> list[str]:
    """Return every comparison of a digest or a secret that is not in constant time."""
    tree = ast.parse(source)
    trace = _Trace(tree)
    leaks = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and any(map(trace.holds, (node.left, *node.comparators)))
    ]
    leaks += [
        ast.unparse(call)
        for call in _calls(tree)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in COMPARING
        and any(map(trace.holds, (call.func.value, *call.args)))
    ]
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
        "ok = hmac.digest(key, message, 'sha256').hex()[:8] == sent",
        "def _same(a, b):\n    return a == b\nok = _same(hmac.digest(key, text, 'sha256'), sent)",
        "def _mine():\n    return hmac.digest(key, text, 'sha256')\nok = _mine() in sent",
        "ok = any(key.material == sent for key in keys)",
    ],
)
def test_the_rule_finds_what_it_forbids(source: str) -> None:
    """A rule that never objects proves nothing."""
    assert _leaks(source)


@pytest.mark.parametrize("name", ["mac.py", "token.py", "jws.py", "parts/claims.py"])
def test_what_is_compared_is_compared_by_the_constant_time_function(name: str) -> None:
    """A module without any comparison would satisfy the rule above as well."""
    tree = ast.parse((ROOT / name).read_text())
    assert any(ast.unparse(call.func) == JUDGE for call in _calls(tree))


def test_the_primitives_are_strangers_to_each_other() -> None:
    """A primitive may be read, tested and distrusted by itself."""
    for module in ROOT.glob("[a-z]*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "ingress.schemes"
            ):
                assert (node.module or "").startswith("ingress.schemes.parts")
