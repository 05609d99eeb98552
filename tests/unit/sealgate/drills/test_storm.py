"""A storm must be one: everything is in it, not in order, and not as it was sent before."""

from collections import Counter

from sealgate.drills import letters
from sealgate.drills.ledger import Moved, by_symbol, covers

OPENED_MS = 1_795_399_200_000
TALES = letters.tell(b"seed", OPENED_MS, 2)
LETTERS = letters.letters_of(TALES)


def test_every_letter_is_in_the_storm_and_many_more_than_once() -> None:
    """An event that is never sent could not be lost."""
    sent = Counter(letter for letter, _ in letters.storm(LETTERS, b"seed"))
    assert set(sent) == set(LETTERS)
    assert set(sent.values()) == {1, 2}


def test_the_first_copy_to_be_sent_is_the_first_delivery() -> None:
    """A provider writes a redelivery anew; it cannot do so before the delivery."""
    seen: Counter[letters.Letter] = Counter()
    for letter, before in letters.storm(LETTERS, b"seed"):
        assert before == seen[letter]
        seen[letter] += 1


def test_a_storm_is_in_no_order() -> None:
    """Some payment hears of its end before its beginning."""
    places = {one: place for place, (one, _) in enumerate(letters.storm(LETTERS, b"seed"))}
    assert any(places[tale.letters[0]] > places[tale.letters[-1]] for tale in TALES)


def test_btcpay_writes_a_redelivery_anew_and_stripe_does_not() -> None:
    """That a redelivery is not byte for byte the same is what makes them hard to tell."""
    bodies = {letter.source: letter.bodies for letter in LETTERS}
    assert len(set(bodies["shop"])) == letters.TIMES
    assert len(set(bodies["card"])) == 1


def test_some_tales_share_an_event_id_and_some_tell_a_fact_twice() -> None:
    """Both are what providers do, and neither may be dropped by its id or counted by its number."""
    ids = Counter((letter.source, letter.event_id) for letter in LETTERS)
    assert sum(count == 2 for count in ids.values()) == 2
    assert sum(bool(tale.twins) for tale in TALES) == 4


def test_a_batch_that_is_missing_or_handled_twice_is_seen() -> None:
    """The chain's own numbers say whether every record was in exactly one committed batch."""
    ends = {0: 8, 1: 2}
    whole = [Moved(0, 3, 8), Moved(0, 0, 3), Moved(1, 0, 2)]
    assert covers(whole, ends)
    assert not covers(whole[:2], ends)
    assert not covers(whole[1:], ends)
    assert not covers([*whole, Moved(0, 0, 3)], ends)


def test_amounts_are_added_up_by_symbol() -> None:
    """A provider may or may not name the network of what came."""
    assert by_symbol({"USDC": 1, "USDC@base": 2, "BTC": 4}) == {"USDC": 3, "BTC": 4}
