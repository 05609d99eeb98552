"""What a profile says about handshakes: how a provider asks whether this endpoint is ours.

A handshake is a request that carries no event. It is recognised by its method and by texts in it,
answered from a template, and never published. What an answer could be abused for is ruled out here:
a stranger's request is never waved through unread, and never signed whatever it says.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ingress.providers.signature import Condition, Place, Regex, Table
from ingress.schemes import handshake

# What every answer has already, or what would change how the answer is read.
_OURS = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "server",
        "set-cookie",
        "transfer-encoding",
        "x-content-type-options",
        "x-correlation-id",
    }
)
_ANY_TEXT = r"[ -~]{1,512}"


def _template(text: str) -> str:
    handshake.template(text)
    return text


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
Template = Annotated[str, AfterValidator(_template)]


class Handshake(Table):
    """One exchange.

    `body` and the values of `headers` are templates: ``{query:challenge}`` is the text at a place,
    ``{hmac:query:challenge}`` the signature of that text in hex, by the source's key, as the
    profile's first signature makes it. Where `content_type` is JSON, texts are escaped as JSON.
    """

    method: Literal["GET", "HEAD", "OPTIONS", "POST"]
    when: tuple[Condition, ...] = ()
    signed: bool = False
    """Whether the request is signed like a delivery: if so it is verified first."""
    token: Place | None = None
    """Where the request shows that it comes from the provider: the text must be a handshake key."""
    request_body: str | None = None
    """What the whole body must be, blanks around it aside."""
    accepts: Regex = _ANY_TEXT
    """What a text must look like to be echoed."""
    status: Annotated[int, Field(strict=True, ge=200, le=299)] = 200
    content_type: Literal["text/plain", "application/json"] = "text/plain"
    body: Template = ""
    headers: dict[Name, Template] = Field(default_factory=dict)
    refusal_status: Annotated[int, Field(strict=True, ge=400, le=499)] = 403
    tell: Place | None = None
    """A text for the log line of a signed handshake, for an operator to act upon."""

    @property
    def is_signing(self) -> bool:
        """Say whether the answer holds a signature of ours."""
        texts = (self.body, *self.headers.values())
        return any(handshake.is_signing(handshake.template(text)) for text in texts)

    @model_validator(mode="after")
    def _a_stranger_gets_nothing(self) -> Self:
        if self.signed:
            return self
        if self.method == "POST" and self.token is None and self.request_body is None:
            raise ValueError(
                "an unsigned POST handshake needs a token or its whole request_body, or any "
                "delivery without a signature would be answered and lost"
            )
        if self.is_signing and self.accepts == _ANY_TEXT:
            raise ValueError(
                "an unsigned handshake with {hmac:...} signs what a stranger sends: give accepts "
                "an expression so narrow that no delivery of the provider matches it"
            )
        if self.tell is not None:
            raise ValueError("tell is for a signed handshake: a stranger writes no log lines")
        return self

    @model_validator(mode="after")
    def _headers_are_its_own(self) -> Self:
        for name in self.headers:
            if name.lower() in _OURS:
                raise ValueError(f"headers: {name} is written by the gateway")
        return self
