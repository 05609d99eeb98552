"""`sealgate vectors FILE`: try the built-in profiles on published signatures, and say the result.

A file of vectors flows in (a JSON list of deliveries with the verdict that each deserves, from a
provider's documentation, its own library, or a capture); one line for each wrong verdict and a last
line ``N passed, N failed`` flow out. Anybody may check with a file of their own that Sealgate
agrees with their provider.

A vector is received at its `now` (Unix seconds). One without is received at the moment its own
timestamp names, so that its age cannot decide; one without a timestamp has no age. A header that
came several times has a list of values, and a body that is no text stands in `body_base64`.

What is not read is said, because it might have decided: a field of another name may be a misspelt
one. An empty secret proves nothing whatever it signs, so that is a refusal like any other; a secret
that cannot be decoded is a mistake of the file.
"""

import base64
import binascii
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TextIO

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from ingress import providers
from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import Profile
from ingress.providers.parameters import meant
from ingress.schemes.parts.headers import Headers
from sealgate.plain import plain

PASSED = 0
FAILED = 1
UNUSABLE = 2

_VALID = "valid"
_SECOND_MS = 1000
_ORIGIN = frozenset({"kind", "source", "note"})
"""Fields that only tell where a vector comes from."""


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("must be base64 with its padding") from None
    return text


class Vector(BaseModel):
    """One delivery and its verdict. Fields of other names are let through, and told of."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    id: str
    provider: str
    secret: str
    secrets: list[str] = []
    headers: dict[str, str | list[str]]
    body: str
    body_base64: Annotated[str, AfterValidator(_base64)] | None = None
    expect: Annotated[str, Field(pattern="^(valid|invalid)$")]
    now: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    keys: dict[str, str] = {}
    url: str = ""
    method: str = "POST"
    config: dict[str, str | int] = {}

    @model_validator(mode="before")
    @classmethod
    def _one_body(cls, said: Any) -> Any:
        if isinstance(said, dict) and "body_base64" in said:
            if said.get("body"):
                raise ValueError("say either body or body_base64")
            return {**said, "body": ""}
        return said

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        text = self.body_base64
        return self.body.encode() if text is None else base64.b64decode(text)


_NEEDED = [name for name, field in Vector.model_fields.items() if field.is_required()]
_VECTORS = TypeAdapter(list[Vector])


def run(path: Path, *, known_only: bool, out: TextIO) -> int:
    """Verify the vectors in a file; return 0, 1 if any verdict is wrong, 2 if the file is unusable.

    Vectors of a provider without a profile fail, because nothing here can verify them; with
    `known_only` they are left out and counted on a line of their own.
    """
    try:
        vectors = _VECTORS.validate_json(path.read_bytes())
    except (OSError, ValidationError) as wrong:
        print(plain(f"{path}: {_why(wrong)}"), file=sys.stderr)
        return UNUSABLE
    if not vectors:
        print(f"{path}: holds no vector, so nothing was tried", file=sys.stderr)
        return UNUSABLE
    known = set(providers.names())
    skipped = [vector for vector in vectors if known_only and vector.provider not in known]
    tried = [vector for vector in vectors if not known_only or vector.provider in known]
    failures = _failures(tried, known)
    for failure in failures:
        print(plain(failure), file=out)
    for line in _unread(tried):
        print(plain(line), file=out)
    if skipped:
        print(plain(f"{len(skipped)} skipped: {_names(skipped)} have no profile"), file=out)
    print(f"{len(tried) - len(failures)} passed, {len(failures)} failed", file=out)
    return FAILED if failures else PASSED


def verdict(vector: Vector) -> str:
    """Verify one vector of a known provider: ``valid``, or why not."""
    try:
        profile = providers.load(vector.provider, vector.config)
        if profile.is_signed and not any(secret for secret, _ in _keys(profile, vector)):
            return Reason.KEY_MISSING
        keys = [profile.key(secret.encode(), kid) for secret, kid in _keys(profile, vector)]
    except ValueError as wrong:
        return f"unusable: {wrong}"
    try:
        profile.verify(_delivery(profile, vector), keys)
    except Rejected as rejected:
        return rejected.reason.value
    return _VALID


def _keys(profile: Profile, vector: Vector) -> list[tuple[str, str]]:
    """Return the secrets with the provider's names of them; a named key is the only one there."""
    if not profile.is_signed:
        return []
    named = [(secret, kid) for kid, secret in vector.keys.items()]
    return named or [(secret, "") for secret in vector.secrets or [vector.secret]]


def _failures(vectors: Sequence[Vector], known: set[str]) -> list[str]:
    """Render each wrong verdict. An unusable vector is wrong whatever it expects."""
    failures = []
    for vector in vectors:
        got = verdict(vector) if vector.provider in known else _unknown(vector.provider, known)
        agrees = (got == _VALID) == (vector.expect == _VALID)
        if not agrees or got.startswith("unusable"):
            failures.append(f"{vector.id}: {vector.provider}: expected {vector.expect}, got {got}")
    return failures


def _unknown(provider: str, known: set[str]) -> str:
    hint = meant(provider, known).rstrip()
    return "unusable: no such profile" + (f"; {hint}" if hint else "")


def _unread(vectors: Sequence[Vector]) -> Iterator[str]:
    """Name the fields that nothing here reads."""
    found = Counter(
        name for vector in vectors for name in vector.model_extra or {} if name not in _ORIGIN
    )
    for name, times in sorted(found.items()):
        hint = meant(name, Vector.model_fields).rstrip()
        yield f"not read: the field {name!r} of {times} vectors" + (f"; {hint}" if hint else "")


def _headers(vector: Vector) -> Headers:
    return tuple(
        (name.lower().encode(), value.encode())
        for name, values in vector.headers.items()
        for value in ([values] if isinstance(values, str) else values)
    )


def _delivery(profile: Profile, vector: Vector) -> Delivery:
    delivery = Delivery(
        source=vector.provider,
        method=vector.method,
        query=vector.url.partition("?")[2].encode(),
        headers=_headers(vector),
        body=vector.content,
        received_ms=round((vector.now or 0) * _SECOND_MS),
        url=vector.url,
    )
    if vector.now is not None:
        return delivery
    return replace(delivery, received_ms=profile.claimed_ms(delivery) or 0)


def _names(vectors: Sequence[Vector]) -> str:
    return ", ".join(sorted({vector.provider for vector in vectors}))


def _why(wrong: OSError | ValidationError) -> str:
    """Say why a file of vectors cannot be used, without showing any of its secrets."""
    if isinstance(wrong, OSError):
        return f"cannot be read: {wrong.strerror}"
    first = wrong.errors(include_input=False)[0]
    if first["type"] == "json_invalid":
        return f"not JSON: {first['ctx']['error']}"
    where = ".".join(map(str, first["loc"])) or "the file"
    return (
        f"not a list of vectors: {where}: {first['msg']} ({wrong.error_count()} mistakes); "
        f"each needs {', '.join(_NEEDED)}"
    )
