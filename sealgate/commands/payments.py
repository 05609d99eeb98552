"""The commands about payments: look at them, and decide about them by stating facts."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from sealgate.flags import Config, Count, Deciding
    from sealgate.operations.deciding import Wanted

SUMMARY = "List and show payments, and decide: accept-late, accept-underpaid, hold and others."


def payments_list(
    *,
    state: str = "",
    provider: str = "",
    account: str = "",
    older_than: str = "",
    after: str = "",
    limit: "Count" = 50,
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
    json
        Print JSON, for machines.
    """
    from sealgate.operations.listing import PaymentsAsked, payments

    asked = PaymentsAsked(state, provider, account, older_than, after, limit)
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
    return _pay("accept_late", payment, said, config)


def payments_accept_underpaid(
    payment: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Take less than was asked for the payment.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    """
    return _pay("accept_underpaid", payment, said, config)


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
    from sealgate.operations.deciding import Wanted

    wanted = Wanted(refund=refund, asset=asset, amount=amount, status=status)
    return _pay("record_refund", payment, said, config, wanted)


def payments_cancel(payment: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG) -> int:
    """State that the payment was called off before any money came.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    """
    return _pay("mark_cancelled", payment, said, config)


def payments_fail(payment: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG) -> int:
    """State that the payment cannot succeed.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    """
    return _pay("mark_failed", payment, said, config)


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
    from sealgate.operations.deciding import Wanted

    return _pay("place_hold", payment, said, config, Wanted(hold=kind))


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
    from sealgate.operations.deciding import Wanted

    return _pay("release_hold", payment, said, config, Wanted(hold=kind))


def _pay(
    act: str, payment: str, said: "Deciding", config: "Config", wanted: "Wanted | None" = None
) -> int:
    from consumers.actions import Act
    from sealgate.operations.deciding import Wanted, pay

    return configured(
        config,
        ["worker"],
        lambda found: pay(found, Act(act), payment, said, wanted or Wanted()),
    )


COMMANDS: dict[str, Callable[..., int]] = {
    "list": payments_list,
    "show": payments_show,
    "accept-late": payments_accept_late,
    "accept-underpaid": payments_accept_underpaid,
    "refunded": payments_refunded,
    "cancel": payments_cancel,
    "fail": payments_fail,
    "hold": payments_hold,
    "release": payments_release,
}
