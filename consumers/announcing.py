"""Announce a payment: what a merchant asks for, told before or after the money. Pure.

A source may be told to expect first (`Policy.expect_first`): then an event about a payment nobody
announced is kept and not weighed, because a webhook is no order. An announcement is an event of our
own that states EXPECTED, claimed once for ever under the payment's name: the same again does
nothing, and another price under that name is refused. It goes through the desk like any command, so
that what was parked is weighed in the same transaction, and whatever the order, the state is one.
"""

import hashlib
import json
from typing import NamedTuple
from urllib.parse import quote

from consumers.facts import ANNOUNCED, NETWORK_MARK, OPEN, Fact, FactKind, simple
from consumers.moving import Said
from consumers.notices import Occasion
from consumers.operating import NOWHERE, Occurrence
from consumers.refusals import WrongWords
from consumers.stating import OURSELVES, Command
from consumers.store.deposits import PREFIX, Expectation
from consumers.store.port import Event, EventKey, PaymentKey
from ingress.contract import cloudevents

ACCOUNT = "expect"
EVENT_TYPE = "payment.announced"


class Announced(NamedTuple):
    """What is asked for. No `amount` is any; no `expires_ms` is no window.

    `address` and `memo` are where the money will come, for rails whose transfers name no payment.
    `key` tells a second announcement of one payment apart, such as a new price; empty is the first.
    """

    payment: PaymentKey
    asset: str
    amount: int | None
    expires_ms: int | None
    address: str = ""
    memo: str = ""
    key: str = ""


def command(told: Announced, now: Occurrence) -> Command:
    """Write an announcement as a command for the desk. Raises `WrongWords`."""
    _check(told)
    key = event_key(told)
    event = Event(
        key=key,
        event_type=EVENT_TYPE,
        source=OURSELVES,
        reference=told.payment.reference,
        key_id="",
        assurance="",
        correlation_id=now.correlation_id,
        body_digest=_digest(told),
        received_ms=now.at_ms,
        position=NOWHERE,
        mode=now.mode,
    )
    said = Said(
        event=key,
        payment=told.payment,
        facts=frozenset({fact(told)}),
        occasion=Occasion(now.environment, EVENT_TYPE, now.at_ms, now.traceparent),
        correlation_id=now.correlation_id,
    )
    where = Expectation(told.payment, plain_address(told.address), told.memo, key, now.at_ms)
    return Command(event, said, expectation=where if told.address or told.memo else None)


def fact(told: Announced) -> Fact:
    """Return what an announcement states."""
    detail = OPEN if told.amount is None else ANNOUNCED
    stated = simple(FactKind.EXPECTED, 0, asset=told.asset, amount=told.amount, detail=detail)
    return stated._replace(expires_ms=told.expires_ms)


def event_key(told: Announced) -> EventKey:
    """Name the event that an announcement is claimed as: so that no two payments' names meet."""
    parts = [*told.payment, *([told.key] if told.key else [])]
    name = "/".join(quote(part, safe="") for part in parts)
    return EventKey(OURSELVES, ACCOUNT, cloudevents.attribute(name))


def plain_address(address: str) -> str:
    """Write an address so that two spellings of one are the same: hex has no capitals."""
    is_hex = address[:2].lower() == "0x"
    return address.lower() if is_hex else address


def _check(told: Announced) -> None:
    """Refuse what cannot be kept. Raises `WrongWords`."""
    texts = {"payment": told.payment.reference, "address": told.address, "memo": told.memo}
    for name, text in (*texts.items(), ("key", told.key)):
        if (text or name == "payment") and not cloudevents.is_attribute(text):
            raise WrongWords(f"{name}: one line of printable characters, not longer than 512")
    if not told.payment.reference.strip():
        raise WrongWords("payment: a reference has more than blanks")
    if told.payment.reference.startswith(PREFIX):
        raise WrongWords(f"payment: a name that begins with {PREFIX} is a deposit's own")
    if told.amount is not None and told.amount <= 0:
        raise WrongWords("amount: more than nothing, or none at all where any amount will do")
    if told.amount is not None and not told.asset:
        raise WrongWords("asset: an amount is of something")
    if NETWORK_MARK in told.asset and not told.asset.partition(NETWORK_MARK)[2]:
        raise WrongWords("asset: name the network behind the @, or leave the @ out")


def _digest(told: Announced) -> str:
    """Tell two announcements of one name apart: by all that they say."""
    said = json.dumps([*told.payment, *map(str, told[1:])])
    return "sha256:" + hashlib.sha256(said.encode()).hexdigest()
