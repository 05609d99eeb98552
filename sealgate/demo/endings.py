"""Part of the gallery: how payments end that do not end well, and one that does after all.

Sources of the expectations are those of the gallery. Nobody here decides anything: a provider says
what has become of the money, and the payment follows.
"""

from consumers.exceptions import Code
from consumers.lifecycle import State, Verdict
from sealgate.demo.scenario import Move, Scenario, Step, taken

ENDINGS = (
    Scenario(
        "Called off before any money",
        "kobbopay-demo",
        "kobbopay",
        (
            Step("created", "a payment"),
            Step("cancelled", "the merchant withdrew the offer", minute=3),
        ),
        (
            Move(State.PENDING, "payment.pending"),
            Move(State.CANCELLED, "payment.cancelled"),
        ),
    ),
    Scenario(
        "Never confirmed by the network",
        "btcpay-demo",
        "btcpay",
        (
            Step("created", "an invoice"),
            Step("seen", "the full amount is on its way", minute=2),
            Step("invalid", "no block took it in a day", minute=1442),
        ),
        (
            Move(State.PENDING, "InvoiceCreated"),
            Move(State.PAID, "InvoiceProcessing"),
            Move(State.FAILED, "InvoiceInvalid"),
        ),
    ),
    Scenario(
        "Given up too early by the provider",
        "btcpay-demo",
        "btcpay",
        (
            Step("created", "an invoice"),
            Step("seen", "the full amount is on its way", minute=2),
            Step("invalid", "no block took it in a day", minute=1442),
            Step("confirmed", "and then one did", minute=1500),
        ),
        (
            Move(State.PENDING, "InvoiceCreated"),
            Move(State.PAID, "InvoiceProcessing"),
            Move(State.FAILED, "InvoiceInvalid"),
            Move(State.CONFIRMED, "InvoiceSettled"),
        ),
    ),
    Scenario(
        "Gone after it was final",
        "kobbopay-demo",
        "kobbopay",
        (
            Step("created", "a payment"),
            Step("confirmed", "final", minute=5),
            Step("reversed", "the provider takes the money back", minute=90),
        ),
        (
            Move(State.PENDING, "payment.pending"),
            Move(State.CONFIRMED, "payment.confirmed"),
            Move(State.REVERSED, "payment.reversed"),
        ),
        (Code.FUNDS_REVERSED,),
    ),
    Scenario(
        "Given back whole",
        "kobbopay-demo",
        "kobbopay",
        (
            Step("created", "a payment"),
            Step("confirmed", "final", minute=5),
            Step("refunded", "all of it goes back", minute=600),
            Step("seen", "older news", (taken(Verdict.SUPERSEDED),), minute=2),
        ),
        (
            Move(State.PENDING, "payment.pending"),
            Move(State.CONFIRMED, "payment.confirmed"),
            Move(State.REFUNDED, "payment.refunded"),
        ),
    ),
)
