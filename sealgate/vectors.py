"""`sealgate vectors FILE`: try the built-in profiles on published signatures, and say the result.

A file of vectors flows in (a JSON list of deliveries with the verdict that each deserves, from a
provider's documentation, its own library, or a capture); one line for each wrong verdict and a last
line ``N passed, N failed`` flow out. Anybody may check with a file of their own that Sealgate
agrees with their provider.

A vector is received at its `now` (Unix seconds). One without is received at the moment its own
timestamp names, so that its age cannot decide; one without a timestamp has no age.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TextIO

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ingress import providers
from ingress.delivery import Delivery, Rejected
from ingress.providers import Profile
from sealgate.plain import plain

PASSED = 0
FAILED = 1
UNUSABLE = 2

_VALID = "valid"
_SECOND_MS = 1000


class Vector(BaseModel):
    """One delivery and its verdict. Fields that only tell of its origin are let through."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    id: str
    provider: str
    secret: str
    secrets: list[str] = []
    headers: dict[str, str]
    body: str
    expect: Annotated[str, Field(pattern="^(valid|invalid)$")]
    now: int | None = None
    keys: dict[str, str] = {}
    url: str = ""
    method: str = "POST"
    config: dict[str, str | int] = {}


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
    if skipped:
        print(plain(f"{len(skipped)} skipped: {_names(skipped)} have no profile"), file=out)
    print(f"{len(tried) - len(failures)} passed, {len(failures)} failed", file=out)
    return FAILED if failures else PASSED


def verdict(vector: Vector) -> str:
    """Verify one vector of a known provider: ``valid``, or why not."""
    try:
        profile = providers.load(vector.provider, vector.config)
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
        got = verdict(vector) if vector.provider in known else "unusable: no such profile"
        agrees = (got == _VALID) == (vector.expect == _VALID)
        if not agrees or got.startswith("unusable"):
            failures.append(f"{vector.id}: {vector.provider}: expected {vector.expect}, got {got}")
    return failures


def _delivery(profile: Profile, vector: Vector) -> Delivery:
    headers = tuple(
        (name.lower().encode(), value.encode()) for name, value in vector.headers.items()
    )
    delivery = Delivery(
        source=vector.provider,
        method=vector.method,
        query=vector.url.partition("?")[2].encode(),
        headers=headers,
        body=vector.body.encode(),
        received_ms=(vector.now or 0) * _SECOND_MS,
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
