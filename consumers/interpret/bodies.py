"""Read a body as its content type says: JSON, or a form. Pure.

A form becomes what a JSON object of texts would be, so that one mapping reads both. Everything else
is read as JSON: providers mislabel it, and what is no JSON is refused there.
"""

from typing import Any
from urllib.parse import parse_qsl

from consumers.interpret import strict_json
from consumers.interpret.drift import Drift

FORM = "application/x-www-form-urlencoded"
FIELDS_MAX = 1000


def read(body: bytes, content_type: str) -> Any:
    """Return the document. Raises `Drift` for a body that can be read in two ways, or in none."""
    is_form = content_type.partition(";")[0].strip().lower() == FORM
    # Some clients call everything a form that nobody gave a type; and no form begins so.
    if not is_form or body.lstrip()[:1] == b"{":
        return strict_json.loads(body)
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise Drift("the body is no form that can be read") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Drift("the body names a field twice")
    return found
