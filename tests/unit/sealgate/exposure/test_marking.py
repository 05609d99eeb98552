"""`sealgate events void`, `mark` and `show` on a real store: seen first, done once, and undone."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from consumers.lifecycle import State
from consumers.store.port import Judgement, Store
from sealgate.exposure import command, marking, showing
from tests.support.exposed import BEGIN_MS, CANARY, Shop, event_key, payment_key, told, transfer
from tests.support.store_builders import run

NOW_MS = BEGIN_MS + 3_600_000


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop: inv-1 is true; inv-2 is expired and forged to be settled, with an amount."""
    shop = Shop(tmp_path)
    shop.apply(
        told("t1", "inv-1", "InvoiceSettled", at_s=10),
        told("x2", "inv-2", "InvoiceExpired", at_s=15, key="k2"),
        told("f1", "inv-2", "InvoiceSettled", at_s=20),
        told("f2", "inv-2", "InvoicePaymentSettled", at_s=30, **transfer("tx", "10.5")),
    )
    return shop


def void(shop: Shop, *events: str, is_applied: bool = True, **changes: Any) -> int:
    """Make events void."""
    told_of = {"reason": "forged with the leaked key", "by": "kim", **changes}
    asked = marking.Asked(Judgement.VOID, events, is_applied=is_applied, **told_of)
    return marking.run(shop.configuration(), asked)


def mark(shop: Shop, judgement: Judgement, *events: str) -> int:
    """Mark events."""
    asked = marking.Asked(judgement, events, "looked at the dashboard", "kim", is_applied=True)
    return marking.run(shop.configuration(), asked)


def state(shop: Shop, name: str) -> tuple[State, int]:
    """Read a payment's state and version."""

    async def read(store: Store) -> tuple[State, int]:
        found = await store.payment(payment_key(name))
        assert found is not None
        return found.state, found.version

    return shop.use(read)


def notices(shop: Shop) -> list[dict[str, Any]]:
    """Read what downstream is to hear."""

    async def read(store: Store) -> list[dict[str, Any]]:
        return [json.loads(one.notice.value) for one in await store.pending(1000)]

    return shop.use(read)


def report(shop: Shop, capsys: pytest.CaptureFixture[str], **changes: Any) -> Path:
    """Write the exposure report of key k1 to a file."""
    capsys.readouterr()
    command.run(shop.configuration(), command.Asked("shop", "k1", output="json", **changes), NOW_MS)
    path = shop.directory / "exposure.json"
    path.write_text(capsys.readouterr().out)
    return path


def test_a_dry_run_shows_the_difference_and_writes_nothing(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever excludes events at night must see first which payments move, and by how much."""
    before = state(shop, "inv-2")
    assert void(shop, "f1", "f2", is_applied=False) == 0
    shown = capsys.readouterr().out
    for words in (
        "payment btcpay/shop/inv-2",
        "Confirmed -> Expired",
        "10.500000 USDT -> 0.000000 USDT",
        "would be told com.sealgate.payment.expired",
        "nothing was written",
    ):
        assert words in shown
    assert state(shop, "inv-2") == before
    assert len(notices(shop)) == 3


def test_events_of_before_restatements_are_warned_about(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a true event of that time repeated goes too: the operator must know before --apply."""
    asyncio.run(run(f"sqlite://{shop.directory}/store.db", "UPDATE event SET scheme = ''"))
    assert void(shop, "f1", is_applied=False) == 0
    told_of = capsys.readouterr().out
    assert "warning: 1 of these events came before" in told_of
    assert "\n  btcpay/shop/f1\n" in told_of
    # To give facts back loses nothing, and neither does a word that changes no payment.
    assert void(shop, "f1") == 0
    capsys.readouterr()
    assert void(shop, "f1") == 0
    assert mark(shop, Judgement.CORROBORATED, "f1") == 0
    assert "warning" not in capsys.readouterr().out


def test_events_whose_repeats_are_known_are_not_warned_about(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning that is always there is none."""
    assert void(shop, "f1", "f2", is_applied=False) == 0
    assert "warning" not in capsys.readouterr().out


def test_applied_it_moves_the_payment_tells_downstream_and_says_so_once(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that is repeated because the line broke must not move anything twice."""
    assert void(shop, "f1", "f2") == 0
    assert "written: marks 2, payments changed 1, moved 1" in capsys.readouterr().out
    after = state(shop, "inv-2")
    assert after[0] is State.EXPIRED
    last = notices(shop)[-1]
    assert (last["before"], last["after"], last["cause"]) == ("Confirmed", "Expired", "void")
    assert void(shop, "f1", "f2") == 0
    assert "2 of 2 events: nothing new" in capsys.readouterr().out
    assert (state(shop, "inv-2"), len(notices(shop))) == (after, 4)


def test_the_contradicted_events_of_a_report_are_voided_and_no_other(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between the report and the void nobody copies event ids by hand."""
    listed = shop.ledger([{"event": "t1"}])
    assert void(shop, from_report=report(shop, capsys, ledger=listed)) == 0
    assert (state(shop, "inv-1")[0], state(shop, "inv-2")[0]) == (State.CONFIRMED, State.EXPIRED)
    again = json.loads(report(shop, capsys, ledger=listed).read_text())
    standings = {one["event"]: one["standing"] for one in again["events"]}
    assert standings == {
        "btcpay/shop/t1": "corroborated",
        "btcpay/shop/f1": "void",
        "btcpay/shop/f2": "void",
    }


def test_only_what_is_asked_for_is_taken_from_a_report(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Uncorroborated is not false: nothing of it may go unless somebody says so."""
    path = report(shop, capsys)
    assert void(shop, from_report=path) == 78
    assert "lists no contradicted event" in capsys.readouterr().err
    assert void(shop, from_report=path, only="uncorroborated", is_applied=False) == 0
    assert "marks 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"environment": "production"}, "another environment"),
        ({"format": "sealgate.exposure/2"}, "format"),
        ({"events": [{"event": "x", "standing": "contradicted"}]}, "provider/account/key"),
        ({"events": 5}, "no report"),
    ],
)
def test_a_report_that_is_not_ours_is_refused(
    shop: Shop, capsys: pytest.CaptureFixture[str], change: dict[str, object], words: str
) -> None:
    """The sandbox's report must not void production's payments."""
    path = report(shop, capsys)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert void(shop, from_report=path) == 78
    assert words in capsys.readouterr().err


def test_a_file_that_is_no_report_is_refused(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The CSV lies beside it and is named by mistake."""
    assert void(shop, from_report=shop.config) == 78
    assert void(shop, from_report=shop.directory / "none") == 78
    assert "no report" in capsys.readouterr().err


def test_a_mark_is_a_word_and_moves_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Saying that an event is false and excluding it are two decisions."""
    before = state(shop, "inv-2")
    assert mark(shop, Judgement.CONTRADICTED, "f1") == 0
    assert state(shop, "inv-2") == before
    found = json.loads(report(shop, capsys).read_text())
    (forged,) = [one for one in found["events"] if one["event"].endswith("/f1")]
    assert forged["standing"] == "contradicted"
    assert forged["reasons"] == ["marked contradicted by kim: looked at the dashboard"]


def test_a_void_event_that_was_true_after_all_counts_again(shop: Shop) -> None:
    """An operator errs too: a correcting entry may be wrong, and must be corrected in turn."""
    void(shop, "f1", "f2")
    assert mark(shop, Judgement.CORROBORATED, "f1") == 0
    assert state(shop, "inv-2")[0] is State.CONFIRMED


def test_marking_an_event_corroborated_ends_its_exception(shop: Shop) -> None:
    """What somebody has looked at leaves the queue."""
    asked = command.Asked("shop", "k1", is_raised=True)
    command.run(shop.configuration(), asked, NOW_MS)

    async def subjects(store: Store) -> set[str]:
        return {
            one.anomaly.subject
            for one in await store.list_anomalies(100)
            if one.anomaly.code == "KEY_EXPOSURE_UNCORROBORATED"
        }

    assert "btcpay/shop/t1" in shop.use(subjects)
    mark(shop, Judgement.CORROBORATED, "t1")
    assert "btcpay/shop/t1" not in shop.use(subjects)


@pytest.mark.parametrize("name", ["btcpay/shop/f1", "f1", "correlation-f1"])
def test_an_event_is_found_by_any_id_a_person_holds(
    shop: Shop, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """One has the answer's header, another the provider's id, a third the report."""
    assert showing.run(shop.configuration(), name, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["event"] == "btcpay/shop/f1"


def test_what_stands_for_several_events_is_not_guessed(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Voiding the wrong one of two is worse than asking again."""
    from dataclasses import replace

    twin = replace(told("t9", "inv-9", "InvoiceSettled"), correlation_id="correlation-f1")
    shop.apply(twin)
    assert void(shop, "correlation-f1") == 1
    said = capsys.readouterr().err
    assert "stands for 2 events" in said
    assert "btcpay/shop/f1" in said
    assert "btcpay/shop/t9" in said


def test_one_unknown_event_stops_all(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of a list done, and half misspelt, is a list nobody finishes."""
    before = state(shop, "inv-2")
    assert void(shop, "f1", "nowhere") == 1
    assert "nowhere: no event is known by this" in capsys.readouterr().err
    assert state(shop, "inv-2") == before


@pytest.mark.parametrize("words", ["", "  ", "a\nb", "\x1b[2J", "x" * 600])
def test_a_mark_explains_itself_in_one_line(shop: Shop, words: str) -> None:
    """It is read in two years by somebody who was not there, on a terminal."""
    assert void(shop, "f1", reason=words) == 78
    assert void(shop, "f1", by=words) == 78
    assert state(shop, "inv-2")[0] is State.CONFIRMED


def test_naming_no_event_is_refused(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that was empty must not look like success."""
    assert void(shop) == 78
    assert "name at least one event" in capsys.readouterr().err


def test_showing_an_event_tells_its_whole_story(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """From one id to what it stated, what moved, who else stated what, and what people said."""
    void(shop, "f1")
    capsys.readouterr()
    showing.run(shop.configuration(), "f1", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["marks"][0]["judgement"] == "void"
    assert {one["event"] for one in found["statements"]} == {
        "btcpay/shop/x2",
        "btcpay/shop/f1",
        "btcpay/shop/f2",
    }
    moves = [(one["after"], one["cause"], one["by_this_event"]) for one in found["transitions"]]
    assert moves[0] == ("Expired", "event", False)
    assert moves[1] == ("Confirmed", "event", True)
    assert moves[-1][1:] == ("void", True)
    assert showing.run(shop.configuration(), "f1", as_json=False) == 0
    printed = capsys.readouterr().out
    assert "marked     void by kim" in printed
    assert CANARY not in printed


def test_an_account_with_a_slash_is_written_so_that_it_can_be_read() -> None:
    """Two events must never go by one name."""
    from consumers.store.port import EventKey
    from sealgate.exposure import addresses

    for key in (EventKey("btcpay", "a/b", "c"), EventKey("btcpay", "a", "b/c"), event_key("%2F")):
        assert addresses.read(addresses.write(key)) == key
    assert addresses.read("btcpay/only") is None
