"""What a profile says about the addresses its provider delivers from: where it publishes them.

What is said is checked by `ingress.allowlist`, when a source is to let those addresses in alone.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from ingress.providers.signature import Pointer, Table

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


def _listed(entry: object) -> object:
    """Let one place stand for a list of one."""
    return [entry] if isinstance(entry, str) else entry


class Addresses(Table):
    """A list of networks at `url`; at `test_url` that of a test environment, if it has its own.

    `places` are the JSON pointers to arrays of networks in it. A list without any is plain text,
    with a network on each line.
    """

    url: Annotated[str, Field(min_length=1)]
    test_url: str = ""
    places: Annotated[tuple[Pointer, ...], BeforeValidator(_listed)] = ()
    refresh_s: Annotated[int, Field(strict=True, ge=_HOUR_S, le=7 * _DAY_S)] = _DAY_S
