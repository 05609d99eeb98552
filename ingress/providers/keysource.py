"""What a profile says about keys that are fetched, not configured: from where, and what they are.

The hosts are a closed list: a delivery may name a key or a certificate, and never a place on the
network of its own choice.
"""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ingress.providers.signature import Pointer, Regex, Table

_DAY_S = 86_400


def _listed(entry: object) -> object:
    """Let one name stand for a list of one."""
    return [entry] if isinstance(entry, str) else entry


class KeySource(Table):
    """Where keys come from.

    ``jwks``: a set of keys at `url`. ``by_id``: one key at `url`, in which ``{kid}`` stands for its
    name. ``certificate``: an X.509 chain at the URL that the delivery names.
    """

    kind: Literal["jwks", "by_id", "certificate"]
    url: str = ""
    hosts: Regex
    """Host names that may be asked, as one expression over the whole name."""
    paths: Regex = r"/.*"
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    """Of a POST: a template with ``{kid}`` and ``{credential}``."""
    credential: Literal["none", "bearer", "body"] = "none"
    """How the operator's own API credential is shown, if one is needed."""
    key: Pointer | None = None
    """Where the answer holds the key."""
    subject: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """The names a certificate may be for; ``{host}`` is the host of its own URL."""
    is_chained: bool = True
    """Whether a root must vouch for a certificate, and not only the connection it came over."""
    refresh_s: Annotated[int, Field(strict=True, ge=60, le=7 * _DAY_S)] = 3600

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.kind != "certificate" and not self.url.startswith("https://"):
            raise ValueError(f"a key source of kind {self.kind} needs a url, beginning https://")
        if self.kind == "by_id" and "{kid}" not in self.url + self.body:
            raise ValueError("a key source of kind by_id needs {kid} in its url or body")
        if self.kind == "certificate" and self.is_chained and not self.subject:
            raise ValueError("a certificate needs the subject it must be for")
        return self
