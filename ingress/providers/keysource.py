"""What a profile says about keys that are fetched, not configured: from where, and what they are.

The hosts are a closed list: a delivery may name a key or a certificate, and never a place on the
network of its own choice. What else is said is judged by `ingress.keysources.declaration`, when a
source is to fetch.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ingress.providers.signature import Pointer, Regex, Table

# No provider answers to these names, so who lets one of them pass lets everybody's pass. What is
# found there would be believed, a self-signed certificate too where nothing else vouches for it.
_STRANGERS = tuple(
    prefix + domain
    for prefix in ("", "www.", "api.")
    for domain in ("stranger.example", "stranger.com", "stranger.io")
)
_DAY_S = 86_400


def _listed(entry: object) -> object:
    """Let one name stand for a list of one."""
    return [entry] if isinstance(entry, str) else entry


def _closed(hosts: str) -> str:
    if any(re.fullmatch(hosts, name) for name in _STRANGERS):
        raise ValueError(
            "it matches any stranger's host, and keys would be believed from there: "
            "spell out the provider's own domain"
        )
    return hosts


class KeySource(Table):
    """Where keys come from.

    ``jwks``: a set of keys at `url`. ``by_id``: one key at `url`, in which ``{kid}`` stands for its
    name. ``certificate``: an X.509 chain at the URL that the delivery names.
    """

    kind: Literal["jwks", "by_id", "certificate"]
    url: str = ""
    hosts: Annotated[Regex, AfterValidator(_closed)]
    """Host names that may be asked, as one expression over the whole name."""
    paths: Regex = r"/.*"
    body: str = ""
    """JSON to POST, if it is not a GET: a template with ``{kid}`` and ``{credential}``."""
    credential: Literal["none", "bearer", "body"] = "none"
    """How the operator's own API credential is shown, if one is needed."""
    key: Pointer | None = None
    """Where the answer holds the key."""
    subject: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """The names a certificate may be for; ``{host}`` is the host of its own URL."""
    is_chained: bool = True
    """Whether a root must vouch for a certificate, and not only the connection it came over."""
    refresh_s: Annotated[int, Field(strict=True, ge=60, le=7 * _DAY_S)] = 3600
