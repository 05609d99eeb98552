"""The gallery: payments as they go well and as they go wrong, with what must come of each.

Sources of the expectations: the lifecycle's definitions and its table of moves, each provider's
events and what they state, and the edge's table of answers. A provider that never retries a 401
(BTCPay) is told 503 where a signature is wrong; everybody else 401.
"""

from consumers.exceptions import Code
from consumers.lifecycle import State, Verdict
from ingress.delivery import Reason
from sealgate.demo.endings import ENDINGS
from sealgate.demo.scenario import Move, Scenario, Step, refused, taken
from sealgate.simulator.twist import Twist

_PENDING, _PAID, _CONFIRMED = State.PENDING, State.PAID, State.CONFIRMED
_EXPIRED, _UNDERPAID, _LATE = State.EXPIRED, State.UNDERPAID, State.LATE
_DUPLICATE = taken(Verdict.DUPLICATE_DELIVERY)

_GOING_WELL = (
    Scenario(
        "Paid in full",
        "btcpay-demo",
        "btcpay",
        (
            Step("created", "an invoice"),
            Step("received", "a transfer is seen, the whole is not known yet", minute=2),
            Step("seen", "the provider calls it the full amount", minute=2),
            Step(
                "payment_settled",
                "the transfer is final, the invoice not yet",
                (taken(Verdict.APPLIED_NO_CHANGE),),
                minute=12,
            ),
            Step("confirmed", "the invoice is final", minute=13),
        ),
        (
            Move(_PENDING, "InvoiceCreated"),
            Move(_UNDERPAID, "InvoiceReceivedPayment"),
            Move(_PAID, "InvoiceProcessing"),
            Move(_CONFIRMED, "InvoiceSettled"),
        ),
    ),
    Scenario(
        "Two live keys: a rotation",
        "stripe-demo",
        "stripe",
        (
            Step("created", "signed with the old key", key="2026-05"),
            Step("seen", "signed with the new key", minute=2, key="2026-11"),
            Step("confirmed", "signed with the new key", minute=4, key="2026-11"),
        ),
        (
            Move(_PENDING, "payment_intent.created"),
            Move(_PAID, "payment_intent.processing"),
            Move(_CONFIRMED, "payment_intent.succeeded"),
        ),
    ),
)

_AGAIN = (
    Scenario(
        "Delivered three times at once",
        "coinbase-demo",
        "coinbase_commerce",
        (
            Step("created", "a charge"),
            Step("seen", "detected on the chain", minute=2),
            Step(
                "confirmed",
                "one event in three deliveries takes effect once",
                (taken(), _DUPLICATE, _DUPLICATE),
                minute=10,
                together=True,
            ),
        ),
        (
            Move(_PENDING, "charge:created"),
            Move(_PAID, "charge:pending"),
            Move(_CONFIRMED, "charge:confirmed"),
        ),
    ),
    Scenario(
        "Redelivered with other bytes",
        "btcpay-demo",
        "btcpay",
        (
            Step("created", "an invoice"),
            Step("seen", "the full amount is seen", minute=2),
            Step(
                "seen",
                "a redelivery has a new id, new bytes and a new signature",
                (_DUPLICATE,),
                minute=2,
                number=2,
            ),
            Step("confirmed", "the invoice is final", minute=13),
        ),
        (
            Move(_PENDING, "InvoiceCreated"),
            Move(_PAID, "InvoiceProcessing"),
            Move(_CONFIRMED, "InvoiceSettled"),
        ),
    ),
    Scenario(
        "Replayed an hour later",
        "stripe-demo",
        "stripe",
        (
            Step("created", "a payment intent"),
            Step("confirmed", "succeeded", minute=4),
            Step(
                "confirmed",
                "a captured delivery: the signed timestamp is too old",
                (refused(401, Reason.TIMESTAMP_STALE),),
                minute=4,
                twists=(Twist.STALE,),
            ),
        ),
        (Move(_PENDING, "payment_intent.created"), Move(_CONFIRMED, "payment_intent.succeeded")),
    ),
    Scenario(
        "Replayed where no timestamp is signed",
        "btcpay-demo",
        "btcpay",
        (
            Step("created", "an invoice"),
            Step("confirmed", "the invoice is final", minute=13),
            Step("confirmed", "the same bytes again: claimed already", (_DUPLICATE,), minute=13),
        ),
        (Move(_PENDING, "InvoiceCreated"), Move(_CONFIRMED, "InvoiceSettled")),
    ),
)

_UNPROVEN = (
    Scenario(
        "Forged signature",
        "kobbopay-demo",
        "kobbopay",
        (
            Step("created", "a payment"),
            Step(
                "confirmed",
                "of the right form, and not made with the key",
                (refused(401, Reason.SIGNATURE_MISMATCH),),
                minute=3,
                twists=(Twist.FORGED,),
            ),
        ),
        (Move(_PENDING, "payment.pending"),),
    ),
    Scenario(
        "No signature, and one of another body",
        "coinbase-demo",
        "coinbase_commerce",
        (
            Step("created", "a charge"),
            Step(
                "confirmed",
                "no signature header",
                (refused(401, Reason.HEADER_MISSING),),
                minute=3,
                twists=(Twist.UNSIGNED,),
            ),
            Step(
                "confirmed",
                "one byte differs from what was signed",
                (refused(401, Reason.SIGNATURE_MISMATCH),),
                minute=3,
                twists=(Twist.ALTERED,),
            ),
        ),
        (Move(_PENDING, "charge:created"),),
    ),
    Scenario(
        "Wrong key, and the provider comes back",
        "btcpay-demo",
        "btcpay",
        (
            Step("created", "an invoice"),
            Step(
                "confirmed",
                "503 and not 401: BTCPay retries, and nothing is lost",
                (refused(503, Reason.SIGNATURE_MISMATCH), taken()),
                minute=13,
                twists=(Twist.WRONG_KEY,),
            ),
        ),
        (Move(_PENDING, "InvoiceCreated"), Move(_CONFIRMED, "InvoiceSettled")),
    ),
    Scenario(
        "Wrong key",
        "stripe-demo",
        "stripe",
        (
            Step(
                "confirmed",
                "a payment cannot be invented either",
                (refused(401, Reason.SIGNATURE_MISMATCH),),
                twists=(Twist.WRONG_KEY,),
            ),
        ),
    ),
)

_MONEY = (
    Scenario(
        "Expired",
        "coinbase-demo",
        "coinbase_commerce",
        (
            Step("created", "a charge"),
            Step("expired", "nobody paid within the window", minute=15),
        ),
        (Move(_PENDING, "charge:created"), Move(_EXPIRED, "charge:failed")),
    ),
    Scenario(
        "Underpaid",
        "coinbase-demo",
        "coinbase_commerce",
        (
            Step("created", "a charge over 49 USDC"),
            Step("underpaid", "20 USDC came before the window closed", minute=15),
        ),
        (Move(_PENDING, "charge:created"), Move(_UNDERPAID, "charge:failed")),
        (Code.AMOUNT_UNDER,),
    ),
    Scenario(
        "Underpaid, then topped up",
        "standard-demo",
        "standard_webhooks",
        (
            Step("created", "49 EUR are asked for"),
            Step("underpaid", "20 EUR came", minute=3),
            Step("seen", "the rest came: what was open about it ends", minute=6),
            Step("confirmed", "all of it is final", minute=12),
        ),
        (
            Move(_PENDING, "payment.pending"),
            Move(_UNDERPAID, "payment.underpaid"),
            Move(_PAID, "payment.paid"),
            Move(_CONFIRMED, "payment.confirmed"),
        ),
    ),
    Scenario(
        "Late",
        "kobbopay-demo",
        "kobbopay",
        (
            Step("created", "a payment"),
            Step("expired", "the window closed", minute=15),
            Step("late", "the full amount came five minutes later", minute=20),
        ),
        (
            Move(_PENDING, "payment.pending"),
            Move(_EXPIRED, "payment.expired"),
            Move(_LATE, "payment.late"),
        ),
        (Code.LATE_FUNDS,),
    ),
    Scenario(
        "A word against its own figures",
        "kobbopay-demo",
        "kobbopay",
        (
            Step("created", "49 USDC are asked for"),
            Step("confirmed_short", "called confirmed, and names 20 of 49 USDC", minute=5),
        ),
        (Move(_PENDING, "payment.pending"), Move(_UNDERPAID, "payment.confirmed")),
        (Code.AMOUNT_UNDER,),
    ),
    Scenario(
        "Stuck in Paid",
        "kobbopay-demo",
        "kobbopay",
        (
            Step("created", "a payment"),
            Step("seen", "seen, and then nothing more is heard", minute=2),
        ),
        (Move(_PENDING, "payment.pending"), Move(_PAID, "payment.paid")),
        stuck=True,
    ),
)

_ORDER = (
    Scenario(
        "Confirmed before seen",
        "standard-demo",
        "standard_webhooks",
        (
            Step("confirmed", "arrives first", minute=10),
            Step("seen", "older news", (taken(Verdict.SUPERSEDED),), minute=2),
            Step("created", "the oldest news of all", (taken(Verdict.SUPERSEDED),)),
        ),
        (Move(_CONFIRMED, "payment.confirmed"),),
    ),
    Scenario(
        "Expired, delivered after paid",
        "btcpay-demo",
        "btcpay",
        (
            Step("created", "an invoice"),
            Step("seen", "the full amount inside the window", minute=2),
            Step("confirmed", "final", minute=13),
            Step("expired", "no money is taken back", (taken(Verdict.SUPERSEDED),), minute=15),
        ),
        (
            Move(_PENDING, "InvoiceCreated"),
            Move(_PAID, "InvoiceProcessing"),
            Move(_CONFIRMED, "InvoiceSettled"),
        ),
    ),
    Scenario(
        "Paid in time, told after the expiry",
        "btcpay-demo",
        "btcpay",
        (
            Step("created", "an invoice"),
            Step("expired", "the window closed", minute=15),
            Step("seen", "the money was in time: not Late", minute=2),
            Step("confirmed", "final", minute=20),
        ),
        (
            Move(_PENDING, "InvoiceCreated"),
            Move(_EXPIRED, "InvoiceExpired"),
            Move(_PAID, "InvoiceProcessing"),
            Move(_CONFIRMED, "InvoiceSettled"),
        ),
    ),
)

_BROKEN = (
    Scenario(
        "Malformed JSON, well signed",
        "coinbase-demo",
        "coinbase_commerce",
        (
            Step("created", "a charge"),
            Step(
                "confirmed",
                "200, published, and an exception for a human",
                (taken(Verdict.UNPARSEABLE),),
                minute=10,
                twists=(Twist.BROKEN,),
            ),
        ),
        (Move(_PENDING, "charge:created"),),
        (Code.SCHEMA_DRIFT,),
    ),
    Scenario(
        "Cut on the way, twice",
        "standard-demo",
        "standard_webhooks",
        (
            Step("created", "a payment"),
            Step(
                "confirmed",
                "too short for its length, for its signature, then whole",
                (refused(408), refused(401, Reason.SIGNATURE_MISMATCH), taken()),
                minute=10,
                twists=(Twist.SHORT, Twist.CUT),
            ),
        ),
        (Move(_PENDING, "payment.pending"), Move(_CONFIRMED, "payment.confirmed")),
    ),
    Scenario(
        "Oversized body",
        "kobbopay-demo",
        "kobbopay",
        (
            Step(
                "confirmed",
                "refused by its length, before it is read",
                (refused(413),),
                twists=(Twist.OVERSIZED,),
            ),
        ),
    ),
    Scenario(
        "Unknown source",
        "nobody",
        "stripe",
        (Step("confirmed", "well signed, for an address that does not exist", (refused(404),)),),
    ),
)

GALLERY = (*_GOING_WELL, *_AGAIN, *_UNPROVEN, *_MONEY, *ENDINGS, *_ORDER, *_BROKEN)
