"""Libraries that judge a body by its headers: what they sign we accept, and the other way round.

To refuse what a provider signs loses events; to accept what its library refuses would be a hole of
our own. Known differences are folded in `Oracle`, or have a test of their own in `test_quirks`.
"""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracle_rows import ORACLES
from tests.support.oracles import Oracle, Sent, altered, changes, stamps

every = pytest.mark.parametrize("oracle", ORACLES, ids=str)


def _signed(oracle: Oracle, data: st.DataObject) -> tuple[str, Sent, int]:
    secret = data.draw(oracle.secrets)
    at_s = int(time.time()) if oracle.live else data.draw(stamps)
    return secret, oracle.signs(secret, data.draw(oracle.bodies), at_s), at_s


@every
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_the_library_signs_is_accepted_by_both(oracle: Oracle, data: st.DataObject) -> None:
    """The provider's own signer is the nearest thing to the provider."""
    secret, sent, at_s = _signed(oracle, data)
    assert oracle.verdict(secret, sent, at_s) == ""
    assert oracle.agrees(secret, sent, at_s)


@every
@settings(max_examples=30, deadline=None)
@given(st.data(), changes)
def test_what_we_accept_the_library_accepts(
    oracle: Oracle, data: st.DataObject, edits: list[tuple[int, int, str, str]]
) -> None:
    """Edits in the signature, the timestamp and the body: none may pass here and fail there."""
    secret, sent, at_s = _signed(oracle, data)
    sent = altered(sent, edits)
    if oracle.verdict(secret, sent, at_s) == "":
        assert oracle.agrees(secret, sent, at_s)


@every
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_what_another_secret_signed_is_refused(oracle: Oracle, data: st.DataObject) -> None:
    """An oracle that says yes to everything would make the other tests empty."""
    secret, sent, at_s = _signed(oracle, data)
    other = data.draw(oracle.secrets.filter(lambda one: one != secret))
    assert oracle.verdict(other, sent, at_s) == "no_matching_signature"


@every
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_one_letter_more_in_the_body_is_refused(oracle: Oracle, data: st.DataObject) -> None:
    """The bytes are what is signed: a line end more is another body."""
    secret, sent, at_s = _signed(oracle, data)
    longer = Sent(sent.headers, sent.body + "\n", sent.url, sent.method)
    assert oracle.verdict(secret, longer, at_s) == "no_matching_signature"


@every
@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(-1200, 1200))
def test_an_age_that_we_accept_the_library_accepts(
    oracle: Oracle, data: st.DataObject, late_s: int
) -> None:
    """A window wider than the provider's own is a longer life for whatever was captured."""
    secret, sent, at_s = _signed(oracle, data)
    judged_s = at_s + late_s
    if oracle.live:
        # The library's own clock goes on meanwhile: ours is given a little less time.
        sent, judged_s = oracle.signs(secret, sent.body, at_s - late_s), at_s + 5 * (late_s > 0)
    if judged_s >= 0 and oracle.verdict(secret, sent, judged_s) == "":
        assert oracle.agrees(secret, sent, judged_s)
