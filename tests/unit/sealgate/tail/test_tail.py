"""`sealgate tail` as it is typed: what it shows, where it begins and ends, and how it exits."""

import io
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import jsonschema
import pytest

from consumers.lifecycle import State
from ingress.contract import cloudevents
from ingress.eventlog.port import Message
from sealgate.tail.asked import Asked
from sealgate.tail.command import Means, run
from tests.support.builders import NOW_MS
from tests.support.gateway import OLD_SECRET
from tests.support.tailed import LIFECYCLE, VERIFIED, Shop, Terminal, held, notice, verified

SCHEMA = json.loads((Path(__file__).parents[4] / "deploy/schemas/tail.json").read_text())
JUNK = Message(VERIFIED, b"junk", b"{}", (("ce_id", b"1"),))


Messages = pytest.CaptureFixture[str]


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop: two payments with an event each and the notices of their moves."""
    shop = Shop.at(tmp_path)
    shop.put(
        verified(shop.envelope("inv-1", "InvoiceCreated")),
        notice("inv-1", 1, None, State.PENDING),
        verified(shop.envelope("inv-2", "InvoiceSettled")),
        notice("inv-2", 1, None, State.CONFIRMED),
        held("inv-2", 1),
    )
    return shop


def test_all_there_is_is_shown_in_the_order_in_which_it_was_written(shop: Shop) -> None:
    """What happened is read from top to bottom, across both topics."""
    code, told = shop.told()
    assert code == 0
    assert [(one["kind"], one["payment"].rpartition("/")[2]) for one in told] == [
        ("envelope", "inv-1"),
        ("notice", "inv-1"),
        ("envelope", "inv-2"),
        ("notice", "inv-2"),
        ("notice", "inv-2"),
    ]
    assert [(one["partition"], one["offset"]) for one in told] == [
        (0, 0),
        (0, 0),
        (0, 1),
        (0, 1),
        (0, 2),
    ]


def test_every_line_is_what_the_schema_says_and_the_schema_says_no_more(shop: Shop) -> None:
    """Scripts are written against the schema, so it is held to the lines in both directions."""
    shop.put(JUNK)
    _, told = shop.told(verify=True)
    _, plain = shop.told()
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.check_schema(SCHEMA)
    for one in (*told, *plain):
        validator.validate(one)
    shown = {one["kind"]: set(one) for one in told}
    declared = {
        each["properties"]["kind"]["const"]: set(each["properties"]) for each in SCHEMA["oneOf"]
    }
    assert shown == declared
    assert all(set(each["required"]) == set(each["properties"]) for each in SCHEMA["oneOf"])
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**told[0], "body": "{}"})


def test_what_a_notice_says_is_told_whole(shop: Shop) -> None:
    """Goods leave by the effect key, and wait for holds: both have to be seen."""
    _, told = shop.told(topic="lifecycle", payment="inv-2")
    move, hold = told
    assert (move["before"], move["after"], move["version"]) == (None, "Confirmed", 1)
    assert move["effect_key"] == "btcpay/shop/inv-2/fulfil/1"
    assert move["id"] == "btcpay/shop/inv-2/1"
    assert hold["type"] == "com.sealgate.payment.held"
    assert (hold["effect_key"], hold["holds"]) == (None, ["compliance"])


@pytest.mark.parametrize(
    ("asked", "offsets"),
    [
        ({"topic": "verified"}, [(VERIFIED, 0), (VERIFIED, 1)]),
        ({"payment": "inv-1"}, [(VERIFIED, 0), (LIFECYCLE, 0)]),
        ({"payment": "btcpay/shop/inv-1"}, [(VERIFIED, 0), (LIFECYCLE, 0)]),
        ({"payment": "btcpay/other/inv-1"}, []),
        ({"payment": "inv"}, []),
        ({"source": "shop", "count": 1}, [(VERIFIED, 0)]),
        ({"count": 2}, [(VERIFIED, 0), (LIFECYCLE, 0)]),
        ({"from_": f"{LIFECYCLE}/0/1"}, [(LIFECYCLE, 1), (LIFECYCLE, 2)]),
        ({"from_": f"{VERIFIED}/0/1", "count": 1}, [(VERIFIED, 1)]),
        ({"from_": f"{VERIFIED}/0/2"}, []),
    ],
    ids=str,
)
def test_only_what_was_asked_for_is_shown(
    shop: Shop, asked: dict[str, Any], offsets: list[tuple[str, int]]
) -> None:
    """A busy topic holds thousands of payments; the one in question is looked for."""
    code, told = shop.told(**asked)
    assert code == 0
    assert [(one["topic"], one["offset"]) for one in told] == offsets


def test_a_source_has_its_own_envelopes_and_the_notices_of_its_account(tmp_path: Path) -> None:
    """A notice names no source; the account is what it has of it."""
    shop = Shop.at(tmp_path)
    shop.ground.source("other", "kobbopay", {"k1": b"another-secret-of-a-test"})
    shop.put(
        verified(shop.envelope("inv-1", "InvoiceCreated")),
        notice("inv-1", 1, None, State.PENDING),
    )
    shop.ground.write()
    assert len(shop.told(source="shop")[1]) == 2
    assert shop.told(source="other") == (0, [])


def test_a_tail_begins_at_an_instant_by_the_time_of_writing(shop: Shop) -> None:
    """An incident has a beginning, and whoever looks into it knows when that was."""
    _, told = shop.told()
    time.sleep(0.005)
    shop.put(notice("inv-3", 1, None, State.PENDING))
    last = shop.told()[1][-1]["written_at"]
    assert cloudevents.timestamp_ms(last) > cloudevents.timestamp_ms(told[-1]["written_at"])
    assert [one["payment"] for one in shop.told(from_=last)[1]] == ["btcpay/shop/inv-3"]
    assert shop.told(from_="2999-01-01T00:00:00Z") == (0, [])


def test_what_comes_later_is_shown_as_it_comes(shop: Shop) -> None:
    """It follows from the end, with nothing of what was there before, until it has seen enough."""
    answers = []

    def follow() -> None:
        answers.append(shop.told(until_caught_up=False, count=2))

    following = threading.Thread(target=follow)
    following.start()
    for version in range(2, 200):
        if not following.is_alive():
            break
        shop.put(notice("inv-1", version, State.PENDING, State.PAID))
        time.sleep(0.05)
    following.join(20)
    ((code, told),) = answers
    assert code == 0
    first, second = (one["version"] for one in told)
    assert second == first + 1
    assert first >= 2


def test_a_tail_moves_nobodys_position_and_writes_nothing(shop: Shop) -> None:
    """It is run beside workers in an incident: they must read on as if nobody looked."""

    def tables() -> dict[str, list[Any]]:
        connection = apsw.Connection(str(shop.ground.directory / "log.db"))
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        found = {name: list(connection.execute(f"SELECT * FROM {name}")) for (name,) in names}
        connection.close()
        return found

    before = tables()
    assert any(before.values())
    shop.told(verify=True)
    assert tables() == before


def test_true_envelopes_are_proven_and_the_exit_code_says_so(shop: Shop, capsys: Messages) -> None:
    """A script that checks the log every night needs one bit."""
    code, told = shop.told(verify=True)
    assert code == 0
    proofs = [one["proof"] for one in told if one["kind"] == "envelope"]
    assert proofs == [{"word": "proven", "key_id": "k1", "why": None}] * 2
    assert "verified again: 2 proven" in capsys.readouterr().err
    assert all(one["proof"] is None for one in shop.told(topic="verified")[1])


@pytest.mark.parametrize("bad", ["forged", "moved", "junk"])
def test_one_record_that_is_not_true_is_marked_and_ends_with_3(
    shop: Shop, capsys: Messages, bad: str
) -> None:
    """Among thousands of true ones it is seen, and the script that ran it knows."""
    envelope = shop.envelope("inv-9", "InvoiceSettled")
    forged = replace(envelope, body=envelope.body.replace(b"inv-9", b"inv-8"))
    records = {
        "forged": verified(forged),
        "moved": verified(envelope, payment_ref="inv-8"),
        "junk": JUNK,
    }
    shop.put(records[bad], verified(shop.envelope("inv-10", "InvoiceCreated")))
    code, text = shop.tail(verify=True)
    assert code == 3
    marks = {"forged": "FAILED: no_matching_signature", "moved": "DIFFERS", "junk": "UNREADABLE"}
    (marked,) = [line for line in text.splitlines() if marks[bad] in line]
    assert "0/2 " in marked
    assert "3 proven" in capsys.readouterr().err


def test_without_verify_a_record_that_nobody_can_read_is_shown_and_harms_nothing(
    shop: Shop,
) -> None:
    """It is there, so it is shown, whatever was filtered for: it may be about anything."""
    headers = notice("x", 1, None, State.PAID).headers
    wrong = Message(LIFECYCLE, b"k", b'{"version": "secret"}', headers)
    shop.put(JUNK, wrong, Message(LIFECYCLE, b"k", b"{}", ()))
    code, told = shop.told(payment="inv-1")
    assert code == 0
    whys = [one["why"] for one in told if one["kind"] == "unreadable"]
    assert whys[0].startswith("no envelope: the header ")
    assert whys[1] == "no notice: its value is wrong at environment"
    assert whys[2].startswith("no notice: the header ce_sealgatenotice is missing")


def test_what_a_stranger_can_write_is_told_and_ends_nothing(shop: Shop) -> None:
    """A traceback half way would hide all records behind; a cursor that moves, those before."""
    odd = "\x1b[2J\x9b2J\x7f\u202e"
    envelope, true = shop.envelope("inv-3", "InvoiceCreated"), notice("inv-3", 1, None, State.PAID)
    named = replace(envelope, signed_headers=(*envelope.signed_headers, (odd, b"1")))
    value = json.loads(true.value)
    shop.put(
        verified(replace(envelope, source="http://[::1")),
        verified(replace(named, account=odd, key_id=odd, event_type=odd, event_key=odd)),
        *(
            replace(true, value=json.dumps(value | told).encode())
            for told in (
                {"version": -1},
                {"version": 2**31},
                {"environment": "prod"},
                {"effect_key": odd},
                {"version": 2},
            )
        ),
        replace(true, headers=(*true.headers, *((f"ce_{odd}", b"1"),) * 2)),
        replace(true, key=odd.encode() + b"\xff"),
    )
    code, told = shop.told(verify=True, from_=f"{VERIFIED}/0/2")
    assert (code, [one["proof"]["word"] for one in told]) == (3, ["failed"] * 2)
    code, told = shop.told(verify=True, from_=f"{LIFECYCLE}/0/3")
    assert code == 3
    assert [one.get("why") for one in told] == [
        "no notice: its value is wrong at version",
        "no notice: its value is wrong at version",
        "no notice: it is of the environment 'prod'",
        "no notice: its headers are of another one",
        "no notice: its headers are of another one",
        f"no notice: the header ce_{odd} is repeated",
        None,
    ]
    for as_json in (False, True):
        for line in shop.tail(verify=True, json=as_json)[1].splitlines():
            assert line.isprintable()


def test_a_key_that_is_revoked_meanwhile_proves_nothing_from_then_on(tmp_path: Path) -> None:
    """A tail may run for days; a revocation is in force within a second everywhere else."""
    shop = Shop.at(tmp_path)
    shop.put(verified(shop.envelope("inv-1", "InvoiceCreated")))
    assert shop.told(verify=True)[0] == 0
    text = shop.ground.config.read_text()
    shop.ground.config.write_text(text + 'status = "revoked"\n')
    code, told = shop.told(verify=True)
    assert code == 3
    assert told[0]["proof"]["word"] == "keyless"


def test_nothing_secret_is_shown_and_no_signature(shop: Shop) -> None:
    """A line of a tail is pasted into tickets; with body and signature it could be sent again."""
    (envelope,) = [shop.envelope("inv-5", "InvoiceSettled")]
    shop.put(verified(envelope))
    shown = shop.tail(verify=True)[1] + shop.tail(verify=True, json=True)[1]
    ((_, signature),) = envelope.signed_headers
    for secret in (OLD_SECRET, signature, signature.removeprefix(b"sha256="), b"storeId"):
        assert secret.decode() not in shown


def test_a_persons_line_has_columns_and_cannot_move_a_cursor(shop: Shop) -> None:
    """Providers choose references; a terminal must not act upon them."""
    odd = shop.envelope("inv-\x1b[2J", "InvoiceCreated")
    # The edge makes a digest of such a text; whoever writes to the topic past it does not.
    shop.put(verified(odd, event_key="\x1b[2J"), verified(odd))
    _, text = shop.tail()
    first, *_, last = text.splitlines()
    assert "\x1b" not in text
    assert "sha256:" in last
    columns = [column for column in first.split("  ") if column]
    assert [one.strip() for one in columns[1:5]] == [
        "verified",
        "btcpay/shop/inv-1",
        "InvoiceCreated",
        "0/0",
    ]
    assert "goods may leave: btcpay/shop/inv-2/fulfil/1" in text
    assert "Confirmed held" in text
    assert "on hold: compliance" in text
    assert "(none) -> Pending" in text


@pytest.mark.parametrize(
    ("environ", "is_terminal", "is_coloured"),
    [({}, True, True), ({"NO_COLOR": "1"}, True, False), ({}, False, False)],
    ids=["terminal", "NO_COLOR", "file"],
)
def test_colour_is_for_terminals_whose_owner_likes_it(
    shop: Shop, *, environ: dict[str, str], is_terminal: bool, is_coloured: bool
) -> None:
    """A file or a pipe gets text; so does whoever says NO_COLOR."""
    out = Terminal() if is_terminal else io.StringIO()
    asked = Asked(until_caught_up=True, verify=True)
    assert run(Means(shop.ground.config, environ, out), asked) == 0
    assert ("\x1b[32mproven by k1\x1b[0m" in out.getvalue()) is is_coloured
    assert ("\x1b" in out.getvalue()) is is_coloured


def test_what_retention_took_is_told_of(shop: Shop, capsys: Messages) -> None:
    """Who reads from the beginning must not believe that it is all there ever was."""
    code, _ = shop.told(from_=f"{VERIFIED}/0/0")
    assert code == 0
    shop.forget(VERIFIED, 1)
    code, told = shop.told(from_=f"{VERIFIED}/0/0")
    assert (code, told) == (1, [])
    assert f"{VERIFIED}/0 holds 1 to 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"source": "shp"}, "--source: there is no source shp; did you mean shop?"),
        ({"count": -1}, "--count"),
        ({"from_": "end"}, "--until-caught-up from the end shows nothing"),
        ({"from_": "yesterday"}, "--from: 'yesterday' is no instant"),
        ({"from_": "payments.test.quarantine/0/0"}, "payments.test.quarantine is not read here"),
    ],
    ids=str,
)
def test_words_that_make_no_sense_are_refused_and_say_what_would(
    shop: Shop, capsys: Messages, asked: dict[str, Any], said: str
) -> None:
    """A misspelt source would look like a quiet one."""
    code, text = shop.tail(**asked)
    assert (code, text) == (2, "")
    assert said in capsys.readouterr().err


def test_a_log_that_is_not_there_is_told_of(tmp_path: Path, capsys: Messages) -> None:
    """Nothing to show, and no log to look into, are two answers."""
    shop = Shop.at(tmp_path)
    shop.ground.log_url = f"embedded://{tmp_path / 'none.db'}"
    shop.ground.write()
    assert shop.tail() == (69, "")
    assert "the log is not available" in capsys.readouterr().err
    shop.ground.log_url = "kafka:/nowhere"
    shop.ground.write()
    assert shop.tail() == (78, "")
    assert "log.url" in capsys.readouterr().err


def test_moments_are_those_of_the_delivery(shop: Shop) -> None:
    """When it happened, when it came and when it was written are three things."""
    first = shop.told()[1][0]
    assert first["received_at"] == cloudevents.timestamp(NOW_MS + 1)
    assert first["occurred_at"] == "2025-05-15T14:06:10.000Z"
    assert (first["signed_at"], first["late_at"]) == (None, None)
