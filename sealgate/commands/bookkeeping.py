"""The commands of finance about payments: what is in the books, and refunds to be made.

They are `sealgate payments …` like those of `sealgate.commands.payments`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, configured
from sealgate.commands.paying import pay

if TYPE_CHECKING:
    from sealgate.flags import Acknowledging, Config, Deciding


def payments_posted(
    payment: str,
    /,
    *,
    posting: str,
    asset: str = "",
    amount: str = "",
    at: str = "",
    said: "Deciding",
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Acknowledge that finance booked a payment; the same posting again does nothing.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    posting
        The id of the posting in the books.
    asset
        What was booked; what is final, if it is left out.
    amount
        How much, in whole units; all that is final and not booked, if it is left out.
    at
        When it was booked, as 2026-05-01T10:00:00Z; now, if it is left out.
    """
    from sealgate.operations.wanting import Wanted

    wanted = Wanted(posting=posting, asset=asset, amount=amount, at=at)
    return pay("record_posting", payment, said, config, wanted)


def payments_unposted(
    payment: str,
    /,
    *,
    posting: str,
    at: str = "",
    said: "Deciding",
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Acknowledge that finance reversed a posting, all of it.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    posting
        The id that the posting was told under.
    at
        When it was reversed, as 2026-05-01T10:00:00Z; now, if it is left out.
    """
    from sealgate.operations.wanting import Wanted

    return pay("record_unposting", payment, said, config, Wanted(posting=posting, at=at))


def payments_post_batch(
    file: Path, /, *, said: "Acknowledging", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Acknowledge many postings from a file: each line all or nothing, and told of.

    Parameters
    ----------
    file
        CSV with a head, or one JSON object a line: payment, posting, amount, asset; and, where
        wanted, posted_at (an instant) and books (posted or unposted).
    """
    from sealgate.operations.posting import post

    return configured(config, ["worker"], lambda found: post(found, file, said))


def payments_request_refund(
    payment: str,
    /,
    *,
    asset: str,
    amount: str,
    address: str,
    said: "Deciding",
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Decide that money is to be given back: an exception waits for it. Sealgate moves no money.

    Parameters
    ----------
    payment
        As for `sealgate payments show`.
    asset
        What is to be given back, as registered.
    amount
        How much, in whole units.
    address
        Where to: an address, or an account.
    """
    from sealgate.operations.wanting import Wanted

    wanted = Wanted(asset=asset, amount=amount, address=address)
    return pay("request_refund", payment, said, config, wanted)


COMMANDS: dict[str, Callable[..., int]] = {
    "posted": payments_posted,
    "unposted": payments_unposted,
    "post-batch": payments_post_batch,
    "request-refund": payments_request_refund,
}
