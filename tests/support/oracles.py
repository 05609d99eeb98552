"""The providers' own libraries as judges: how to bring one in, and what every comparison needs.

The libraries are heavy, and some warn of their own future while they are imported; so each is
imported by the test that asks it, through `sdk`. An `Oracle` puts one library beside one of our
profiles: how the library signs, and what it says of a delivery.
"""

import importlib
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import ModuleType

from hypothesis import strategies as st

from ingress.delivery import Delivery, Rejected
from ingress.providers import Profile, load

URL = "https://hooks.example/payments?tenant=7"

bodies = st.text(st.characters(codec="utf-8"), max_size=120)
filled = st.text(st.characters(codec="utf-8"), min_size=1, max_size=120)
# The libraries take text and refuse blank secrets; ours are letters, as dashboards show them.
letters = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=48)
stamps = st.integers(0, 4_000_000_000)

_ITEM = re.compile(r"[a-z0-9]+=(?:[0-9]{1,15}|[0-9a-f]{64})")

Change = tuple[int, int, str, str]
changes = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.integers(0, 160),
        st.sampled_from(["insert", "replace", "remove", "capitals", "blank", "repeat"]),
        st.sampled_from("0aAfF9=,.;| vt1-+/&\t\u00e9\uff11"),
    ),
    max_size=3,
)
"""Which text of a delivery is edited, where, how, and with which letter."""


def sdk(name: str) -> ModuleType:
    """Import a provider's library, whatever it warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


@dataclass(frozen=True)
class Sent:
    """One delivery on the wire."""

    headers: Mapping[str, str]
    body: str
    url: str = URL
    method: str = "POST"


@dataclass(frozen=True)
class Oracle:
    """One library beside one profile.

    `signs` and `accepts` take the secret, then what is sent (the body, or all of it), then the
    moment in seconds. `accepts` may raise: that is no acceptance. `live` libraries look at the
    clock themselves. `shown` is the secret as our configuration has it. Where `hex` is set, the
    library compares text, and we read either case. `separator` stands between the items of a
    header that is a list: at an item that is malformed the library fails, where we pass it over if
    a good one stands beside it (see `test_quirks`), so it is shown the good ones.
    """

    provider: str
    signs: Callable[[str, str, int], Sent]
    accepts: Callable[[str, Sent, int], object]
    secrets: st.SearchStrategy[str] = letters
    bodies: st.SearchStrategy[str] = bodies
    shown: Callable[[str], str] = str
    parameters: Mapping[str, object] = field(default_factory=dict)
    live: bool = False
    hex: bool = False
    separator: str = ""

    def __str__(self) -> str:
        return self.provider

    def verdict(self, secret: str, sent: Sent, at_s: int) -> str:
        """Say what we say: "" for accepted, else why not."""
        return verdict(self.provider, self.shown(secret), sent, at_s, self.parameters)

    def agrees(self, secret: str, sent: Sent, at_s: int) -> bool:
        """Say what the library says, of headers as HTTP and our reading of hex leave them."""
        headers = {name: value.strip(" \t") for name, value in sent.headers.items()}
        if self.hex:
            headers = {name: value.lower() for name, value in headers.items()}
        if self.separator:
            headers = {name: self._good(value) for name, value in headers.items()}
        return self.accepts(secret, replace(sent, headers=headers), at_s) is not False

    def _good(self, header: str) -> str:
        items = dict.fromkeys(filter(_ITEM.fullmatch, header.split(self.separator)))
        return self.separator.join(items)


@cache
def _loaded(provider: str, parameters: tuple[tuple[str, object], ...]) -> Profile:
    return load(provider, dict(parameters))


def verdict(
    provider: str,
    secret: str,
    sent: Sent,
    at_s: int,
    parameters: Mapping[str, object] | None = None,
) -> str:
    """Say what our profile says of a delivery: "" for accepted, else the reason."""
    profile = _loaded(provider, tuple((parameters or {}).items()))
    headers = tuple((name.lower().encode(), text.encode()) for name, text in sent.headers.items())
    delivery = Delivery(
        source="shop",
        method=sent.method,
        query=sent.url.partition("?")[2].encode(),
        headers=headers,
        body=sent.body.encode(),
        received_ms=at_s * 1000,
        url=sent.url,
    )
    try:
        profile.verify(delivery, [profile.key(secret.encode())])
    except Rejected as rejected:
        return rejected.reason.value
    return ""


def edited(text: str, where: int, kind: str, letter: str) -> str:
    """Make one edit of a text."""
    if kind == "capitals":
        return text.swapcase()
    if kind == "blank":
        return f" {text}\t"
    if kind == "repeat":
        return text + letter + text
    at = where % (len(text) + 1)
    rest = text[at:] if kind == "insert" else text[at + 1 :]
    return text[:at] + ("" if kind == "remove" else letter) + rest


def altered(sent: Sent, edits: list[Change]) -> Sent:
    """Edit the texts of a delivery: its headers, its body, and its URL."""
    for which, where, kind, letter in edits:
        texts = [*sent.headers, "body"]
        name = texts[which % len(texts)]
        if name == "body" and kind in {"insert", "replace", "remove"}:
            sent = replace(sent, body=edited(sent.body, where, kind, letter))
        elif name != "body":
            text = edited(sent.headers[name], where, kind, letter)
            sent = replace(sent, headers={**sent.headers, name: text})
    return sent
