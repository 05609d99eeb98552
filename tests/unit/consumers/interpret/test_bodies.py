"""A body is read as what it is: JSON, or a form; never in two ways."""

import pytest

from consumers.interpret import bodies
from consumers.interpret.drift import Drift

FORM = "application/x-www-form-urlencoded; charset=utf-8"


def test_a_form_reads_as_an_object_of_texts() -> None:
    """CoinGate and OpenNode send forms, and the same mapping reads their JSON."""
    found = bodies.read(b"id=343&status=paid&note=&amount=1%2C5+EUR", FORM)
    assert found == {"id": "343", "status": "paid", "note": "", "amount": "1,5 EUR"}


@pytest.mark.parametrize("told", ["application/json", "", "text/plain", FORM])
def test_json_is_read_whatever_it_is_called(told: str) -> None:
    """Providers mislabel it, and so does a client that nobody gave a type."""
    assert bodies.read(b' {"id": 1}', told) == {"id": 1}


@pytest.mark.parametrize("body", [b"a=1&a=2", b"a", b"a=%ff", b"\xff=1"])
def test_a_form_that_reads_in_two_ways_or_in_none_is_drift(body: bytes) -> None:
    """Of a field that is there twice, two readers would take two values."""
    with pytest.raises(Drift):
        bodies.read(body, FORM)
