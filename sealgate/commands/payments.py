"""The commands about payments: look at them, and decide about them by stating facts."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from sealgate.commands import bookkeeping, expecting
from sealgate.commands.context import DEFAULT_CONFIG, configured
from sealgate.commands.paying import pay

if TYPE_CHECKING:
    from sealgate.flags import Config, Count, Deciding

SUMMARY = "List, show and decide: accept-late, hold, refunded, posted, withdraw and others."


def payments_list(
    *,
    state: str = "",
    provider: str = "",
    account: str = "",
    older_than: str = "",
    after: str = "",
    limit: "Count" = 50,
    parked: bool = False,
    json: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """List payments, the latest changed first.

    Parameters
    ----------
    state
        Only those in this state, such as Underpaid.
    provider
        Only those of this provider.
    account
        Only those of this account.
    older_than
        Only those that have been in their state for longer, such as 90m, 4h or 2d.
    after
        Go on where a list ended: what it told as `next`.
    limit
        How many.
    parked
        Only those that events told of and nobody announced: they have no state.
    json
        Print JSON, for machines.
    """
    from sealgate.operations.listing import PaymentsAsked, payments

    asked = PaymentsAsked(state, provider, account, older_than, after, limit, parked)
    return configured(config, ["worker"], lambda found: payments(found, asked, as_json=json))


def payments_show(payment: str, /, *, json: bool = False, config: "Config" = DEFAULT_CONFIG) -> int:
    """Show one payment: its label, amounts, milestones, facts, history and exceptions.

    Parameters
    ----------
    payment
        provider/account/reference, or the reference alone.
    json
        Print JSON, for machines.
    """
    from sealgate.operations import showing

    return configured(
        config, ["worker"], lambda found: showing.payment(found, payment, as_json=json)
    )


def payments_accept_late(
    payment: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Take money that came after the window for the payment.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    """
    return pay("accept_late", payment, said, config)


def payments_accept_underpaid(
    payment: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Take less than was asked for the payment.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    """
    return pay("accept_underpaid", payment, said, config)


def payments_refunded(
    payment: str,
    /,
    *,
    refund: str,
    asset: str,
    amount: str,
    status: Literal["pending", "succeeded", "failed"] = "succeeded",
    said: "Deciding",
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """State a refund that was made outside: Sealgate never moves money.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    refund
        The id of the refund where it was made; one id is one refund.
    asset
        What was given back, as registered: USDT, or USDT@tron where the network is known.
    amount
        How much, in whole units: 10.50
    status
        How far it is.
    """
    from sealgate.operations.wanting import Wanted

    wanted = Wanted(refund=refund, asset=asset, amount=amount, status=status)
    return pay("record_refund", payment, said, config, wanted)


def payments_cancel(payment: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG) -> int:
    """State that the payment was called off before any money came.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    """
    return pay("mark_cancelled", payment, said, config)


def payments_fail(payment: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG) -> int:
    """State that the payment cannot succeed.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    """
    return pay("mark_failed", payment, said, config)


def payments_hold(
    payment: str,
    /,
    *,
    kind: Literal["compliance", "finance", "security", "outage", "operator", "dispute"],
    said: "Deciding",
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Let neither goods nor books move.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    kind
        Who asks for it: only that owner lets go.
    """
    from sealgate.operations.wanting import Wanted

    return pay("place_hold", payment, said, config, Wanted(hold=kind))


def payments_release(
    payment: str,
    /,
    *,
    kind: Literal["compliance", "finance", "security", "outage", "operator", "dispute"],
    said: "Deciding",
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Let goods and books move again; a hold of compliance by compliance alone.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    kind
        Which hold.
    """
    from sealgate.operations.wanting import Wanted

    return pay("release_hold", payment, said, config, Wanted(hold=kind))


def payments_reissue_reference(
    payment: str,
    /,
    *,
    reference: str,
    asset: str = "",
    amount: str = "",
    window: str = "",
    said: "Deciding",
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Ask for the money of a payment that got none again, under a new reference.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    reference
        The new reference, of the same provider and account.
    asset
        What is asked for; the same as before, if it is left out.
    amount
        How much, in whole units; the same as before, if it is left out.
    window
        For how long it is asked, from now on: 90m, 4h or 2d. Without it, until the provider says.
    """
    from sealgate.operations.wanting import Wanted

    wanted = Wanted(replacement=reference, asset=asset, amount=amount, window=window)
    return pay("reissue_reference", payment, said, config, wanted)


def payments_withdraw(
    command: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Take a command back: what it stated no longer counts, and the payment is weighed anew.

    Parameters
    ----------
    command
        The idempotency key it was given under, as `sealgate payments show` lists it.
    """
    from sealgate.operations.withdrawing import withdraw

    return configured(config, ["worker"], lambda found: withdraw(found, command, said))


COMMANDS: dict[str, Callable[..., int]] = {
    "list": payments_list,
    "expect": expecting.payments_expect,
    "show": payments_show,
    "accept-late": payments_accept_late,
    "accept-underpaid": payments_accept_underpaid,
    "refunded": payments_refunded,
    "cancel": payments_cancel,
    "fail": payments_fail,
    "hold": payments_hold,
    "release": payments_release,
    "reissue-reference": payments_reissue_reference,
    "withdraw": payments_withdraw,
    **bookkeeping.COMMANDS,
}
