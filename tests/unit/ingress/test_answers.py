"""Every refusal: a whole problem document that tells a stranger nothing."""

import json

import pytest

from ingress.answers import PROBLEMS, Outcome, refuse

SUCCESSES = {Outcome.ACCEPTED, Outcome.HANDSHAKE, Outcome.ENVIRONMENT_MISMATCH}
ID = "018bcfe5-687c-7000-8000-000000000001"


def test_every_outcome_but_success_has_its_problem() -> None:
    """A new outcome without an answer would be an error in the middle of a request."""
    assert set(PROBLEMS) == set(Outcome) - SUCCESSES


@pytest.mark.parametrize("outcome", sorted(PROBLEMS))
def test_a_problem_is_whole_and_carries_the_correlation_id(outcome: Outcome) -> None:
    """RFC 9457's members, constant per class, and the one id that finds the story."""
    answer = refuse(outcome, ID)
    problem = json.loads(answer.body)
    assert sorted(problem) == ["instance", "status", "title", "type"]
    assert problem["instance"] == "urn:uuid:" + ID
    assert problem["status"] == answer.status == PROBLEMS[outcome].status


def test_a_stale_delivery_and_a_forged_one_look_the_same() -> None:
    """Telling them apart would tell a forger which half of the work is done."""
    stale = refuse(Outcome.REJECTED_STALE, ID)
    forged = refuse(Outcome.REJECTED_SIGNATURE, ID)
    assert (stale.status, stale.body) == (forged.status, forged.body)


def test_a_soft_refusal_looks_like_any_503() -> None:
    """For a provider that never retries a 4xx, a refusal is `try again`, not `go away`."""
    soft = refuse(Outcome.REJECTED_SIGNATURE, ID, status=503)
    away = refuse(Outcome.PUBLISH_FAILED, ID)
    assert (soft.status, soft.body, soft.wait) == (away.status, away.body, away.wait)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_profile_chooses_its_own_refusal(status: int) -> None:
    """Bridge wants 400, Discord insists on 401: the status is the profile's."""
    assert refuse(Outcome.REJECTED_SIGNATURE, ID, status=status).status == status
