"""What we send for a trial must be what the provider would send: its own library says so."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.providers import load
from sealgate.simulator import keys
from sealgate.simulator.draft import Draft
from sealgate.simulator.sign import sign
from tests.support.oracle_rows import ORACLES, PAIRS
from tests.support.oracles import URL, Oracle, Sent

# Which headers hook0 signs is the sender's choice, and the simulator signs none.
SHARED = [
    oracle
    for oracle in ORACLES
    if oracle.secrets is not PAIRS and oracle.provider != "coinbase_cdp"
]


@pytest.mark.parametrize("oracle", SHARED, ids=str)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_what_the_simulator_sends_satisfies_the_library(
    oracle: Oracle, data: st.DataObject
) -> None:
    """For every provider with a shared secret whose library judges headers."""
    secret, body = data.draw(oracle.secrets), data.draw(oracle.bodies)
    now_s, profile = int(time.time()), load(oracle.provider)
    draft = Draft(url=URL, query=b"tenant=7", body=body.encode())
    made = sign(profile, keys.read(profile, secret.encode()), draft, now_s * 1000, "msg_1")
    spelt = {name.lower(): name for name in oracle.signs(secret, body, now_s).headers}
    headers = {spelt.get(name, name): text for name, text in made.headers.items()}
    assert oracle.agrees(secret, Sent(headers, body), now_s)
