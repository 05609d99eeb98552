"""What a replay shows of deposits: an event that names no payment is about money all the same."""

from consumers.depositing import Arrived
from consumers.facts import FactKind, simple
from consumers.moving import unwritten
from consumers.store.deposits import DepositMove, DepositState
from consumers.store.kept import Kept
from consumers.store.port import EventKey, Payment, PaymentKey
from sealgate.replay import deposits

KEY = PaymentKey("alchemy", "main", "deposit:tx:ETH_MAINNET:0x1:0x2")
BUYER = PaymentKey("alchemy", "main", "order-17")
SEEN = simple(FactKind.SEEN, 5, key="tx", asset="USDC@ethereum", amount=10_000_000, detail="0xb")
GONE = simple(FactKind.REMOVED, 6, key="tx", detail="0xb")
DECIMALS = {"USDC@ethereum": 6}


def kept(*facts: object) -> Payment:
    """Keep a deposit with facts."""
    return unwritten(KEY)._replace(kept=Kept.DEPOSIT, facts=frozenset(facts))


def shown(one: Arrived) -> list[str]:
    """Show a deposit to a person, without the margin."""
    return [line.strip() for line in deposits.lines(deposits.document(one, DECIMALS))]


def test_a_deposit_nobody_could_read_is_shown_as_what_it_would_be() -> None:
    """“State none” sounded as if the money stayed unknown."""
    would = Arrived(unwritten(KEY), unwritten(KEY)._replace(facts=frozenset({SEEN})), None)
    assert shown(would) == [
        "deposit     alchemy/main/deposit:tx:ETH_MAINNET:0x1:0x2",
        "state     none -> Unmatched",
        "amount    none -> 10.000000 USDC@ethereum",
    ]


def test_a_matched_deposit_says_whose_it_is() -> None:
    """Whoever replays sees that a payment hears of the word, too."""
    move = DepositMove(
        KEY, 1, DepositState.MATCHED, BUYER, "{}", EventKey("sealgate", "ops", "k"), 7
    )
    lines = shown(Arrived(kept(SEEN), kept(SEEN, GONE), move))
    assert lines[1:] == [
        "state     Matched with alchemy/main/order-17",
        "amount    10.000000 USDC@ethereum -> none",
    ]
