"""Read a body as its content type says: JSON, or a form. Pure.

A form becomes what a JSON object of texts would be, so that one mapping reads both. Everything else
is read as JSON: providers mislabel it, and what is no JSON is refused there.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from consumers.interpret import pointer, strict_json
from consumers.interpret.drift import Drift
from consumers.interpret.pointer import Tokens

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


def unfold(document: Any, texts: Iterable[Tokens]) -> Any:
    """Read what is JSON inside a text at these places. Raises `Drift` for a text that is none."""
    for place in texts:
        text = pointer.find(document, place)
        if not isinstance(text, str):
            continue
        try:
            inside = strict_json.loads(text.encode())
        except Drift as drift:
            raise Drift(f"/{'/'.join(place)}, read as a body: {drift}") from None
        document = pointer.replaced(document, place, inside)
    return document
