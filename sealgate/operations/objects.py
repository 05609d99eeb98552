"""Read a line of somebody's file: one JSON object of texts, in one way only. Pure.

What two readers could read differently is refused, as in the body of an event: an amount that is
told twice in one line has no meaning, and the last one must not win in silence.
"""

from decimal import Decimal

from consumers.interpret import strict_json
from consumers.interpret.drift import Drift
from consumers.refusals import WrongWords


def texts(line: str, *, has_numbers: bool = False) -> dict[str, str]:
    """Return the names and texts of a line. Raises `WrongWords`.

    Where it `has_numbers` they are taken as they are written: a float would be another amount.
    """
    try:
        told = strict_json.loads(line.strip().encode())
    except Drift as drift:
        raise WrongWords(f"this is no JSON object of texts: {drift}") from None
    except UnicodeEncodeError:
        raise WrongWords("this is no JSON object of texts: it is not UTF-8") from None
    if not isinstance(told, dict):
        raise WrongWords("this is no JSON object of texts")
    numbers = {int, Decimal} if has_numbers else set()
    others = sorted(name for name, one in told.items() if type(one) not in {str, *numbers})
    if others:
        raise WrongWords(f"{', '.join(others)}: write a text")
    return {name: str(one) for name, one in told.items()}
