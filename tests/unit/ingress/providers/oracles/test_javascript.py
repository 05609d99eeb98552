"""NOWPayments and Ramp sign what JavaScript prints: so JavaScript is asked, and not a record of it.

One process of Node.js stays up for the whole file. It parses what Hypothesis made, prints it as a
sender would, sorts it as these two providers' libraries do, and signs; what it signs is accepted.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress import providers
from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import canonical, lexemes
from tests.support.services import missing

NODE = Path(sys.prefix) / "bin/node"
SECRET = "ipn-secret"
PROGRAM = """
const { createHmac } = require('node:crypto');
const isPlain = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const rebuilt = (value) => {
  if (Array.isArray(value)) return value.map(rebuilt);
  if (!isPlain(value)) return value;
  const sorted = {};
  for (const name of Object.keys(value).sort()) sorted[name] = rebuilt(value[name]);
  return sorted;
};
const stable = (value) => {
  if (Array.isArray(value)) return '[' + value.map(stable).join() + ']';
  if (!isPlain(value)) return JSON.stringify(value);
  const member = (name) => JSON.stringify(name) + ':' + stable(value[name]);
  return '{' + Object.keys(value).sort().map(member).join() + '}';
};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const said = JSON.parse(line);
  const text = JSON.stringify(rebuilt(said));
  const signature = createHmac('sha512', process.argv[1]).update(text).digest('hex');
  console.log(JSON.stringify({ body: JSON.stringify(said), signature, stable: stable(said) }));
});
"""

# A member of one of these names is lost by JavaScript's own assignment: no sender has signed it.
_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5).filter(
    lambda name: name not in {"__proto__", "constructor"}
) | st.sampled_from(
    ["0", "1", "10", "01", "4294967295", "a", "B", "/", "é", "\U00010000", "\ue000"]
)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=16,
)
_bodies = st.dictionaries(_names, _values, max_size=6)
Sign = Callable[[dict[str, object]], dict[str, str]]


@pytest.fixture(scope="module", name="sign")
def _sign() -> Iterator[Sign]:
    if not NODE.is_file():
        missing("Node.js: the development lock brings it")
    with subprocess.Popen(
        [NODE, "-e", PROGRAM, SECRET], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout

        def sign(said: dict[str, object]) -> dict[str, str]:
            asked.write(json.dumps(said).encode() + b"\n")
            asked.flush()
            answer: dict[str, str] = json.loads(told.readline())
            return answer

        yield sign
        asked.close()
        process.wait(timeout=10)


def _sent(body: str, signature: str) -> Delivery:
    headers = ((b"x-nowpayments-sig", signature.encode()),)
    return Delivery("shop", "POST", b"", headers, body.encode(), 0)


@given(said=_bodies)
def test_what_javascript_sorts_and_signs_is_accepted(sign: Sign, said: dict[str, object]) -> None:
    """Order of members, escapes and the letters of numbers: all as the sender's language has it."""
    profile = providers.load("nowpayments")
    keys = [profile.key(f" {SECRET}\n".encode())]
    signed = sign(said)
    assert profile.verify(_sent(signed["body"], signed["signature"]), keys) == 0
    with pytest.raises(Rejected) as refused:
        profile.verify(_sent('{"another-report":1}', signed["signature"]), keys)
    assert refused.value.reason is Reason.SIGNATURE_MISMATCH


@given(said=_bodies)
def test_the_stable_form_is_javascripts_own(sign: Sign, said: dict[str, object]) -> None:
    """Ramp signs every member by name, also where a name is a number."""
    signed = sign(said)
    node = lexemes.parse(signed["body"].encode())
    assert canonical.js(node, canonical.Order.STABLE) == signed["stable"].encode()
