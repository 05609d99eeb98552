"""Environments: what the name of one says about whether money is real there. Pure.

One process serves one environment. Its mode is written in the configuration, or read from the name
where the name is plain; a name that says nothing must be explained.
"""

from ingress.contract.envelope import Mode
from ingress.sources import Serves

LIVE_WORDS = frozenset({"live", "prod", "production"})
TEST_WORDS = frozenset(
    {"demo", "dev", "development", "drill", "local", "qa", "sandbox", "staging", "test"}
)


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
