"""Asking about a payment that has money of a matched deposit: its provider cannot know of that."""

from pathlib import Path

from consumers.actions import Act, Reason, Role
from consumers.lifecycle import State
from consumers.matching import Matcher
from consumers.operating import Order
from consumers.policy import NO_POLICY
from consumers.store.connect import connect
from sealgate.simulator.api import ProviderApi
from tests.conformance.test_deposits import activity, deposit_key, transfer
from tests.support.asked import KEY, MINUTE_MS, Asking, kobbo
from tests.support.kept import Member

MATCH = Order(
    Act.MATCH_DEPOSIT, "kim", Role.OPERATIONS, Reason.CHECK_PASSED, "asked", "k", 0, "ann"
)


async def test_money_that_came_past_the_provider_is_not_missed_there(tmp_path: Path) -> None:
    """Somebody matched a deposit: the provider cannot show it, and that takes nothing back."""
    store = connect(f"sqlite://{tmp_path}/asked.db")
    await store.open("sandbox")
    async with ProviderApi("kobbopay", KEY) as api:
        asking = Asking(store, api)
        member = Member(asking.store)
        for number in range(3):
            key = asking.key(f"pay_{number}")
            await asking.tell("payment.pending", key.reference, kobbo(key.reference))
            tx = f"0x{number:064x}"
            await member.apply(activity(transfer(tx, 49_000_000)))
            matcher = Matcher(asking.store, NO_POLICY, {}, member.occurrence)
            order = MATCH._replace(key=key.reference)
            await matcher.do(order, deposit_key(tx), key)
            asking.shown(key.reference, "Pending", price="49.00")
            await asking.hint("payment.pending", key.reference)
        for _ in range(2):
            await asking.look(after_ms=6 * MINUTE_MS)
        assert await asking.comparisons("pay_1") == ["agree"]
        assert await asking.state("pay_1") is State.PAID
        assert (await asking.codes(), await asking.freeze()) == ([], None)
    await store.close()
