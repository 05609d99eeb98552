"""The command that announces payments: `sealgate payments expect`."""

from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from sealgate.flags import Config, NamedOrPiped


def payments_expect(
    payment: "NamedOrPiped",
    /,
    *,
    source: str = "",
    asset: str = "",
    amount: str = "",
    expires: str = "",
    network: str = "",
    address: str = "",
    memo: str = "",
    key: str = "",
    dry_run: bool = False,
    json: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Announce a payment: from now on events about it count, those too that came before.

    Parameters
    ----------
    payment
        Its reference, as the provider's events name it; or - to read announcements from standard
        input, one JSON object a line, with the names of these flags and `reference`.
    source
        The configured source whose events will tell of it.
    asset
        What is asked for, as registered: USDT, or USDT@tron where the network is known.
    amount
        How much, in whole units: 10.50. Without it any amount will do.
    expires
        When the window ends: 2026-11-23T12:00:00Z.
    network
        The asset's network, if it is not named behind the asset.
    address
        Where the money will come, where no other payment has this address.
    memo
        What its transfer will carry: a memo, a tag, a reference.
    key
        Tells a further announcement of one payment apart, such as a new price.
    dry_run
        Show what would follow, and write nothing.
    json
        Print JSON, for machines.
    """
    from sealgate.deposits.expecting import Wanted, expect

    wanted = Wanted(payment, source, asset, amount, expires, network, address, memo, key)
    return configured(
        config, ["worker"], lambda found: expect(found, wanted, dry_run=dry_run, as_json=json)
    )
