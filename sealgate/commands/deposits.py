"""The commands about deposits: look at money that names no payment, and decide whose it is."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from sealgate.flags import Config, Count, Deciding

SUMMARY = "List and show money that names no payment, and decide: match, return, hold, write-off."


def deposits_list(
    *,
    state: str = "",
    after: str = "",
    limit: "Count" = 50,
    json: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """List deposits, the latest seen first.

    Parameters
    ----------
    state
        Only those that are Unmatched, Proposed, Matched, Returned, HeldAsLiability or WrittenOff.
    after
        Go on where a list ended: what it told as `next`.
    limit
        How many.
    json
        Print JSON, for machines.
    """
    from sealgate.deposits.showing import Asked, listing

    asked = Asked(state, after, limit)
    return configured(config, ["worker"], lambda found: listing(found, asked, as_json=json))


def deposits_show(deposit: str, /, *, json: bool = False, config: "Config" = DEFAULT_CONFIG) -> int:
    """Show one deposit: its money, addresses, facts, history, and whose it may be.

    Parameters
    ----------
    deposit
        As the list names it, or the hash of its transaction.
    json
        Print JSON, for machines.
    """
    from sealgate.deposits import showing

    return configured(config, ["worker"], lambda found: showing.one(found, deposit, as_json=json))


def deposits_match(
    deposit: str, payment: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Let a deposit count for a payment, with all that is told of the transfer later.

    Parameters
    ----------
    deposit
        As for `sealgate deposits show`.
    payment
        As for `sealgate payments show`.
    """
    return _decide("match_deposit", deposit, payment, said, config)


def deposits_unmatch(
    deposit: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Take a match back: the deposit counts for nobody again.

    Parameters
    ----------
    deposit
        As for `sealgate deposits show`.
    """
    return _decide("unmatch_deposit", deposit, "", said, config)


def deposits_return(deposit: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG) -> int:
    """State that a deposit was sent back outside: Sealgate never moves money.

    Parameters
    ----------
    deposit
        As for `sealgate deposits show`.
    """
    return _decide("return_deposit", deposit, "", said, config)


def deposits_hold(deposit: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG) -> int:
    """Keep a deposit as a liability: it is somebody's, and not ours.

    Parameters
    ----------
    deposit
        As for `sealgate deposits show`.
    """
    return _decide("hold_deposit", deposit, "", said, config)


def deposits_write_off(
    deposit: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Give up on finding out whose a deposit is.

    Parameters
    ----------
    deposit
        As for `sealgate deposits show`.
    """
    return _decide("write_off_deposit", deposit, "", said, config)


def _decide(act: str, deposit: str, payment: str, said: "Deciding", config: "Config") -> int:
    from consumers.actions import Act
    from sealgate.deposits.deciding import decide

    return configured(
        config, ["worker"], lambda found: decide(found, Act(act), deposit, payment, said)
    )


COMMANDS: dict[str, Callable[..., int]] = {
    "list": deposits_list,
    "show": deposits_show,
    "match": deposits_match,
    "unmatch": deposits_unmatch,
    "return": deposits_return,
    "hold": deposits_hold,
    "write-off": deposits_write_off,
}
