"""`sealgate replay` as it is typed: what it shows, writes and refuses, and how it exits."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from prometheus_client import CollectorRegistry

from consumers.store.port import PaymentKey, Store
from ingress.eventlog.port import EventLog
from sealgate.consuming import parts
from sealgate.mappings import faults
from sealgate.replay.asked import Asked
from sealgate.replay.command import run
from tests.support.replay_shop import TOPIC, ReplayShop
from tests.support.replayed import NEW, NEW_ROW, OLD, PAID_IS_FINAL, SWEPT_IS_FINAL, candidate

Output = pytest.CaptureFixture[str]
ALL = Asked(from_="beginning", json=True)
ORDERED = Asked(
    from_="beginning",
    json=True,
    apply=True,
    by="kim",
    reason="cause_mended",
    note="the word is known now",
    key="ENG-1",
    approved_by="alice",
)


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> ReplayShop:
    """Open a shop: two payments with money, one without, one that nobody could read."""
    shop = ReplayShop(tmp_path)
    shop.tell(
        ("a1", "payment.pending", "inv-a"),
        ("a2", "payment.paid", "inv-a"),
        ("b1", "payment.pending", "inv-b"),
        ("c1", "payment.paid", "inv-c"),
        ("d1", "payment.swept", "inv-d"),
    )
    return shop


@pytest.fixture(name="paid_final")
def _paid_final(tmp_path: Path) -> Path:
    return candidate(tmp_path / "candidate", PAID_IS_FINAL)


@pytest.fixture(name="swept")
def _swept(shop: ReplayShop) -> str:
    """Put a mapping in force that knows the word; return the setting."""
    candidate(shop.folder / "mappings", SWEPT_IS_FINAL, NEW_ROW)
    return 'mappings = "mappings"\n'


def replayed(
    shop: ReplayShop, asked: Asked, capsys: Output, more: str = ""
) -> tuple[int, list[Any], Any]:
    """Replay; return the exit code, the payments told, and the sum."""
    capsys.readouterr()
    code = run(shop.configuration(more), asked)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, told[:-1], told[-1]


def states(payments: list[Any]) -> dict[str, tuple[str | None, str | None]]:
    """Return the labels before and after, by payment."""
    return {
        one["payment"].rpartition("/")[2]: (
            one["before"] and one["before"]["label"],
            one["after"] and one["after"]["label"],
        )
        for one in payments
    }


def rows(file: Path) -> dict[str, list[Any]]:
    """Read every table."""
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    found = {str(name): list(connection.execute(f"SELECT * FROM {name}")) for (name,) in names}
    connection.close()
    return found


def label(shop: ReplayShop, reference: str) -> str | None:
    """Return a payment's state as stored."""

    async def look(store: Store, _: EventLog) -> str | None:
        found = await store.payment(PaymentKey("kobbopay", "main", reference))
        return None if found is None else str(found.state)

    return shop.use(look)


def test_a_candidate_with_one_row_changed_shows_exactly_the_payments_concerned(
    shop: ReplayShop, paid_final: Path, capsys: Output
) -> None:
    """Seen becomes final: who was Paid would be Confirmed, and nobody else would be anything."""
    code, payments, total = replayed(shop, replace(ALL, mapping=paid_final), capsys)
    assert code == 3
    assert states(payments) == {"inv-a": ("Paid", "Confirmed"), "inv-c": ("Paid", "Confirmed")}
    assert total["words"] == [
        {
            "provider": "kobbopay",
            "event_type": "payment.paid",
            "change": "seen -> final",
            "events": 2,
        }
    ]
    assert (total["payments_moved"], total["events_looked_at"], total["is_written"]) == (
        2,
        5,
        False,
    )
    [event] = payments[0]["events"]
    assert (event["mapping_before"], event["mapping"]) == (OLD, NEW)
    assert [one["kind"] for one in event["gone"]] == ["seen"]
    assert [(one["kind"], one["atomic"]) for one in event["new"]] == [("final", "10000000")]
    assert payments[0]["notice"] == "com.sealgate.payment.confirmed"
    assert payments[0]["after"]["amounts"]["confirmed"] == [
        {"asset": "USDC", "atomic": "10000000", "decimals": 6}
    ]


def test_the_mappings_in_force_show_no_difference(shop: ReplayShop, capsys: Output) -> None:
    """A replay of what was read right says so, and exits with nothing found."""
    code, payments, total = replayed(shop, ALL, capsys)
    assert (code, payments, total["events_differing"]) == (0, [], 0)


def test_a_dry_run_writes_nothing_at_all(
    shop: ReplayShop, paid_final: Path, capsys: Output
) -> None:
    """Not a row, not a byte: the file is not even opened to be written."""
    before, bytes_before = rows(shop.database), shop.database.read_bytes()
    shop.database.chmod(0o400)
    assert replayed(shop, replace(ALL, mapping=paid_final, dry_run=True), capsys)[0] == 3
    assert shop.database.read_bytes() == bytes_before
    assert rows(shop.database) == before


def test_a_file_alone_is_a_candidate_too(
    shop: ReplayShop, paid_final: Path, capsys: Output
) -> None:
    """One provider's table on its way through review is one file."""
    asked = replace(ALL, mapping=paid_final / "kobbopay.toml")
    assert len(replayed(shop, asked, capsys)[1]) == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"payment": "kobbopay/main/inv-c"}, ["inv-c"]),
        ({"payment": "kobbopay/main/inv-c", "from_": ""}, ["inv-c"]),
        ({"event": "kobbopay/main/a2", "from_": ""}, ["inv-a"]),
        ({"from_": f"{TOPIC}/0/2"}, ["inv-c"]),
        ({"to": f"{TOPIC}/0/3"}, ["inv-a"]),
        ({"to": "2020-01-01T00:00:00Z"}, []),
        ({"from_": "2020-01-01T00:00:00Z"}, ["inv-a", "inv-c"]),
        ({"from_": "2999-01-01T00:00:00Z"}, []),
        ({"provider": "btcpay"}, []),
        ({"provider": "kobbopay", "source": "shop"}, ["inv-a", "inv-c"]),
        ({"source": "urn:sealgate:test:gone"}, []),
        ({"verdict": "unknown_type"}, []),
        ({"verdict": "unknown_type, applied"}, ["inv-a", "inv-c"]),
    ],
)
def test_filters_choose_what_is_read(
    shop: ReplayShop, paid_final: Path, capsys: Output, changes: dict[str, Any], expected: list[str]
) -> None:
    """Whoever asks about one payment is not told about all of them."""
    asked = replace(ALL, mapping=paid_final, **changes)
    code, payments, _ = replayed(shop, asked, capsys)
    assert sorted(states(payments)) == expected
    assert code == (3 if expected else 0)


@pytest.mark.parametrize(
    ("source", "hint"), [("shpo", "did you mean shop?"), ("kobbopay-eu", "known are shop.")]
)
def test_a_misspelt_source_is_no_all_clear(
    shop: ReplayShop, capsys: Output, source: str, hint: str
) -> None:
    """That nothing differs, told of a source that there is not would be believed."""
    assert run(shop.configuration(), replace(ALL, source=source)) != 0
    refused = json.loads(capsys.readouterr().out)
    assert refused["error"] == "invalid_request"
    assert hint in refused["message"]


@pytest.mark.parametrize("change", [{"approved_by": "..."}, {"by": "..."}])
def test_a_name_without_letters_replays_nothing(
    shop: ReplayShop, capsys: Output, change: dict[str, Any]
) -> None:
    """Three points are no person who has looked at the dry run."""
    assert run(shop.configuration(), replace(ORDERED, **change)) != 0
    assert "has a letter or a digit" in capsys.readouterr().out


def test_nobody_but_the_configured_people_replays(shop: ReplayShop, capsys: Output) -> None:
    """Where the configuration lists who decides, others write nothing."""
    people = "[operators]\npeople = ['kim']\n"
    assert run(shop.configuration(people), ORDERED) == 1
    assert "alice is not one of" in capsys.readouterr().out


def test_what_nobody_could_read_is_applied_once_the_mapping_knows_it(
    shop: ReplayShop, swept: str, capsys: Output
) -> None:
    """R7, by the mapping in force: seen first, then written, and the exception ends."""
    code, payments, _ = replayed(shop, ALL, capsys, swept)
    assert (code, states(payments)) == (3, {"inv-d": (None, "Confirmed")})
    assert label(shop, "inv-d") is None
    code, payments, total = replayed(shop, ORDERED, capsys, swept)
    assert (code, states(payments)) == (0, {"inv-d": (None, "Confirmed")})
    assert total["exceptions_ended"] == ["UNKNOWN_TYPE kobbopay/payment.swept"]
    assert label(shop, "inv-d") == "Confirmed"
    before = rows(shop.database)
    code, payments, total = replayed(shop, ORDERED, capsys, swept)
    assert (code, payments, total["exceptions_ended"]) == (0, [], [])
    assert rows(shop.database) == before


def test_events_of_a_payment_are_corrected_together(
    shop: ReplayShop, paid_final: Path, capsys: Output
) -> None:
    """One correction and one notice, however many of its events read otherwise."""
    shop.tell(("a3", "payment.paid", "inv-a"))
    _, payments, total = replayed(shop, replace(ALL, mapping=paid_final), capsys)
    [inv_a] = [one for one in payments if one["payment"].endswith("inv-a")]
    assert [one["event"].rpartition("/")[2] for one in inv_a["events"]] == ["a2", "a3"]
    assert (total["events_differing"], total["payments_differing"]) == (3, 2)


def test_a_redelivery_is_not_read_again_as_an_event_of_its_own(
    shop: ReplayShop, paid_final: Path, capsys: Output
) -> None:
    """An event happened once, from the record that was taken in first."""
    shop.tell(("a2", "payment.paid", "inv-a"))
    _, payments, total = replayed(shop, replace(ALL, mapping=paid_final), capsys)
    assert (len(payments), total["not_as_claimed"]) == (2, 1)


def test_what_no_worker_has_read_yet_is_left_to_the_worker(
    shop: ReplayShop, paid_final: Path, capsys: Output
) -> None:
    """It will be read by the mapping in force anyway, and once."""
    shop.tell(("e1", "payment.paid", "inv-e"), applies=False)
    _, payments, total = replayed(shop, replace(ALL, mapping=paid_final), capsys)
    assert sorted(states(payments)) == ["inv-a", "inv-c"]
    assert total["log"] == [{"partition": f"{TOPIC}/0", "from": 0, "to": 5, "oldest_left": 0}]


def test_what_the_log_has_forgotten_is_said_and_not_read(
    shop: ReplayShop, paid_final: Path, capsys: Output
) -> None:
    """Nobody may believe that all was read again where retention has taken some of it."""
    shop.tell(("a3", "payment.paid", "inv-a"))
    shop.forget(3)
    _, payments, total = replayed(shop, replace(ALL, mapping=paid_final), capsys)
    assert sorted(states(payments)) == ["inv-a", "inv-c"]
    assert total["log"][0]["oldest_left"] == 3
    assert total["no_longer_in_the_log"] == 2
    gone = replace(ALL, from_=f"{TOPIC}/0/2")
    capsys.readouterr()
    assert run(shop.configuration(), gone) == 2
    assert f"the log begins at {TOPIC}/0/3" in capsys.readouterr().out


def test_a_folder_of_mappings_that_cannot_be_read_keeps_a_process_from_starting(
    shop: ReplayShop,
) -> None:
    """A worker that read by the shipped mapping instead would confirm by the wrong words."""
    absent = faults(shop.configuration('mappings = "nowhere"\n'))
    assert [one.place for one in absent] == ["consumer.mappings"]
    candidate(shop.folder / "wrong", SWEPT_IS_FINAL, "[[rule]]\n")
    [wrong] = faults(shop.configuration('mappings = "wrong"\n'))
    assert "kobbopay.toml" in wrong.message
    assert faults(shop.configuration()) == []


def test_dead_letters_are_taken_in_once(shop: ReplayShop, capsys: Output) -> None:
    """What our code failed on was kept whole; after the fix it is an event like any other."""
    poison = ("p1", "payment.paid", "inv-p")
    shop.bury(poison, ("b1", "payment.pending", "inv-b"), poison)
    code, payments, total = replayed(shop, Asked(dead_letters=True, json=True), capsys)
    assert (code, states(payments)) == (3, {"inv-p": (None, "Paid")})
    assert (total["records"], total["not_as_claimed"]) == (3, 1)
    assert len(payments[0]["events"]) == 1
    ordered = replace(ORDERED, from_="", dead_letters=True)
    assert replayed(shop, ordered, capsys)[0] == 0
    assert label(shop, "inv-p") == "Paid"
    before = rows(shop.database)
    assert replayed(shop, ordered, capsys)[1] == []
    assert rows(shop.database) == before


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (Asked(json=True), "invalid_request", "say what to read again"),
        (replace(ALL, apply=True, dry_run=True), "invalid_request", "say one of them"),
        (replace(ORDERED, mapping=Path("x")), "invalid_request", "mappings in force"),
        (replace(ORDERED, role="finance"), "role_not_allowed", "for engineering"),
        (replace(ORDERED, reason="goodwill"), "invalid_request", "takes one of"),
        (replace(ORDERED, reason=""), "invalid_request", "--reason"),
        (replace(ORDERED, key=""), "invalid_request", "key"),
        (replace(ORDERED, approved_by="Kim"), "approval_required", "another person"),
        (replace(ALL, from_="verified/0/1"), "invalid_request", "events are in"),
        (replace(ALL, from_="yesterday"), "invalid_request", "--from"),
        (replace(ALL, verdict="bad"), "invalid_request", "--verdict: bad"),
        (replace(ALL, payment="nobody/x/y"), "not_found", "no event names"),
        (replace(ALL, event="nobody"), "not_found", "no event is known"),
        (replace(ALL, mapping=Path("nowhere")), "invalid_request", "no folder of mappings"),
        (replace(ALL, dead_letters=True), "invalid_request", "not read from the log"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_code(
    shop: ReplayShop, capsys: Output, asked: Asked, code: str, said: str
) -> None:
    """A script tells them apart by the code; a person reads what to do."""
    before = rows(shop.database)
    capsys.readouterr()
    assert run(shop.configuration(), asked) in {1, 2}
    told = json.loads(capsys.readouterr().out)
    assert told["error"] == code
    assert said in told["message"]
    assert rows(shop.database) == before


def test_a_person_reads_the_difference_in_words(
    shop: ReplayShop, paid_final: Path, capsys: Output
) -> None:
    """Who approves a replay reads this: state, amount, events, exceptions, and the sum."""
    capsys.readouterr()
    asked = Asked(payment="kobbopay/main/inv-c", mapping=paid_final)
    assert run(shop.configuration(), asked) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "payment kobbopay/main/inv-c",
        "  state       Paid -> Confirmed",
        "  confirmed   none -> 10.000000 USDC",
    ]
    assert any(
        f"kobbopay/main/c1 payment.paid: applied by {OLD} -> applied by {NEW}" in x for x in lines
    )
    assert "1 x kobbopay payment.paid: seen -> final" in lines
    assert lines[-1].startswith("dry run, nothing was written: 1 events looked at")


def test_workers_read_by_the_mappings_that_are_configured(shop: ReplayShop, swept: str) -> None:
    """A replay applies what every worker reads by: both ask in one place."""
    configuration = shop.configuration(swept)

    async def look(store: Store, log: EventLog) -> list[str]:
        made = parts(configuration, log, store, CollectorRegistry(), lambda _: None)
        return [table.name for table in made.interpreters.tables["kobbopay"]]

    assert shop.use(look) == [NEW]
