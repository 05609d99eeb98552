"""Environments: what the name of one says about whether money is real there. Pure.

One process serves one environment. Its mode is written in the configuration, or read from the name
where the name is plain; a name that says nothing must be explained. Names of hosts, databases and
files tell too: a word of the other mode in one of them is how a copied configuration looks.
"""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from ingress.contract.envelope import Mode
from ingress.sources import Serves

LIVE_WORDS = frozenset({"live", "prod", "production"})
TEST_WORDS = frozenset(
    {"demo", "dev", "development", "drill", "local", "qa", "sandbox", "staging", "test"}
)
# Of a name elsewhere only what is said on purpose counts: `local` is half of every cluster's names.
STRAY_WORDS = {
    Mode.LIVE: frozenset({"dev", "sandbox", "staging", "test", "testnet"}),
    Mode.TEST: LIVE_WORDS,
    Mode.UNKNOWN: frozenset[str](),
}
# Top-level domains that anybody can have, for whatever is real to them.
_DOMAINS = frozenset({"dev", "live"})
_WORD = re.compile(r"[a-z0-9]+")


def serves(environment: str, mode: str | None) -> Serves:
    """Return what a process of this environment is for.

    Where neither the mode nor the name says, it is unknown, and the configuration a mistake.
    """
    return Serves(environment, Mode(mode) if mode is not None else named_mode(environment))


def named_mode(environment: str) -> Mode:
    """Return what the words of an environment's name say, if they agree."""
    words = set(environment.split("-"))
    live, test = bool(words & LIVE_WORDS), bool(words & TEST_WORDS)
    if live == test:
        return Mode.UNKNOWN
    return Mode.LIVE if live else Mode.TEST


def unsaid(environment: str, mode: str | None) -> str:
    """Say what is wrong with how it is said whether money is real; "" where nothing is."""
    said, named = serves(environment, mode).mode, named_mode(environment)
    if said is Mode.UNKNOWN:
        return (
            f"the environment's name {environment!r} does not say whether money is real there: "
            'say mode = "live" or mode = "test"'
        )
    if named.contradicts(said):
        return (
            f"is {said.value!r}, and the environment's name {environment!r} says {named.value}: "
            "change one of them"
        )
    return ""


def stray(text: str, words: Collection[str]) -> str:
    """Return the first whole word of a name that is one of `words`; "" if there is none.

    ``latest-shop`` has no ``test``: only what stands between other characters than letters and
    digits is a word.
    """
    return next((word for word in _WORD.findall(text.lower()) if word in words), "")


def stray_in_host(host: str, words: Collection[str]) -> str:
    """Return the stray word in a host's name, its top-level domain left aside."""
    name, dot, last = host.rstrip(".").rpartition(".")
    return stray(name if dot and last.lower() in _DOMAINS else host, words)


def host(url: str) -> str:
    """Return the host of a URL; "" where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
