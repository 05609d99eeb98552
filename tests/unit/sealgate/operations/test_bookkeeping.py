"""What finance says and gets back: postings, one by one and from a file; and what is taken back."""

import json
from pathlib import Path
from typing import Any

import pytest

from consumers import stating
from consumers.actions import Act
from consumers.store.port import Store
from ingress.settings import ConfigurationInvalid
from sealgate.operations import deciding, posting, showing, withdrawing
from sealgate.operations.asked import Acknowledgement, Decision
from sealgate.operations.wanting import Wanted
from tests.support.exposed import Shop, payment_key, told, transfer

Output = pytest.CaptureFixture[str]
FINAL = "InvoicePaymentSettled"


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop with two payments that are Confirmed, of 12.5 USDT each, and a Late one."""
    shop = Shop(tmp_path)
    shop.apply(
        *(told(f"p{one}", f"inv-{one}", FINAL, **_transfer(one)) for one in (1, 2)),
        *(told(f"s{one}", f"inv-{one}", "InvoiceSettled") for one in (1, 2)),
        told("l1", "inv-3", "InvoiceExpired", at_s=20),
        told("l2", "inv-3", "InvoicePaidAfterExpiration", at_s=21),
    )
    return shop


def _transfer(number: int) -> Any:
    return transfer(f"tx-{number}", "12.5")


def seen(shop: Shop, name: str) -> str:
    """Look at a payment."""

    async def look(store: Store) -> str:
        found = await store.payment(payment_key(name))
        assert found is not None
        return stating.revision(found)

    return shop.use(look)


def said(shop: Shop, name: str, key: str = "t-1", **changes: Any) -> Decision:
    """Say what kim of finance decides, who has just looked."""
    plain: dict[str, Any] = {
        "by": "kim",
        "role": "finance",
        "reason": "booked",
        "note": "batch 7",
        "key": key,
        "expect_version": seen(shop, name),
        "json": True,
    }
    return Decision(**{**plain, **changes})


def read(capsys: Output) -> Any:
    """Read what was printed as a script would."""
    return json.loads(capsys.readouterr().out)


def post(shop: Shop, text: str, name: str = "books.csv", **changes: Any) -> int:
    """Let finance acknowledge a file."""
    file = shop.directory / name
    file.write_text(text)
    plain: dict[str, Any] = {"by": "kim", "note": "batch 7", "key": "b-7", "json": True}
    return posting.post(shop.configuration(), file, Acknowledgement(**{**plain, **changes}))


def books(shop: Shop, name: str, capsys: Output) -> tuple[str, str]:
    """Say where the books of a payment are, and how much is in them."""
    assert showing.payment(shop.configuration(), name, as_json=True) == 0
    told_ = read(capsys)
    amounts = told_["amounts"]["posted"]
    return told_["posting"], amounts[0]["atomic"] if amounts else ""


def test_all_that_is_final_is_posted_where_no_amount_is_said(shop: Shop, capsys: Output) -> None:
    """Finance confirms what we told it; it does not copy figures."""
    found = shop.configuration()
    done = said(shop, "inv-1")
    assert deciding.pay(found, Act.RECORD_POSTING, "inv-1", done, Wanted(posting="gl-1")) == 0
    assert read(capsys)["after"]["posting"] == "posted"
    assert books(shop, "inv-1", capsys) == ("posted", "12500000")
    assert deciding.pay(found, Act.RECORD_POSTING, "inv-1", done, Wanted(posting="gl-1")) == 0
    assert read(capsys)["is_repeat"] is True
    gone = said(shop, "inv-1", "t-2", reason="entry_reversed")
    wanted = Wanted(posting="gl-1")
    assert deciding.pay(found, Act.RECORD_UNPOSTING, "inv-1", gone, wanted) == 0
    assert read(capsys)["after"]["posting"] == "unposted"


CSV = (
    "payment,posting,amount,asset,posted_at\n"
    "inv-1,gl-1,12.50,usdt,2026-01-02T10:00:00Z\n"
    "btcpay/shop/inv-2,gl-2,10,USDT,\n"
    "inv-9,gl-3,1,USDT,\n"
    "inv-2,gl-4,1,NOPE,\n"
    "inv-2,,1,USDT,\n"
)


def test_a_file_is_booked_line_by_line_and_each_is_told(shop: Shop, capsys: Output) -> None:
    """A wrong line stands alone: what is right is booked, and what was refused says why."""
    assert post(shop, CSV) == 1
    done = read(capsys)
    assert done["counts"] == {"written": 2, "repeat": 0, "refused": 3}
    assert [(one["line"], one["outcome"], one.get("error")) for one in done["lines"]] == [
        (2, "written", None),
        (3, "written", None),
        (4, "refused", "not_found"),
        (5, "refused", "asset_unknown"),
        (6, "refused", "invalid_request"),
    ]
    assert done["lines"][1]["raised"] == ["POSTED_MISMATCH"]
    assert books(shop, "inv-1", capsys) == ("posted", "12500000")
    assert books(shop, "inv-2", capsys) == ("posted", "10000000")


TWICE = [
    "payment,posting,amount,amount,asset\ninv-1,g,1,2,USDT\n",
    '{"payment": "inv-1", "posting": "g", "amount": "1", "amount": "2", "asset": "USDT"}\n',
    '{"payment": ' + "[" * 100_000,
]


@pytest.mark.parametrize("text", TWICE)
def test_a_file_that_two_readers_would_read_differently_books_nothing(
    shop: Shop, capsys: Output, text: str
) -> None:
    """Of two amounts in one line the last must not win in silence."""
    assert post(shop, text) == 2
    assert read(capsys)["error"] == "invalid_request"
    assert books(shop, "inv-1", capsys) == ("unposted", "")


def test_a_line_that_was_mended_is_held_against_the_books(shop: Shop, capsys: Output) -> None:
    """Under the file's own key: the books decide, and not that the key was used."""
    head = "payment,posting,amount,asset\n"
    assert post(shop, head + "inv-1,gl-1,12.50,USDT\ninv-1,gl-1,12.49,USDT\n") == 1
    assert [one.get("error") for one in read(capsys)["lines"]] == [None, "posting_differs"]
    assert post(shop, head + "inv-1,gl-1,12.49,USDT\n") == 1
    assert read(capsys)["lines"][0]["error"] == "posting_differs"


def test_what_a_file_says_again_after_the_opposite_needs_an_instant(
    shop: Shop, capsys: Output
) -> None:
    """Posted, reversed, posted: a "repeat" would leave out of the books what is in them."""
    line = "inv-1,gl-1,12.50,USDT,{},{}\n"
    head = "payment,posting,amount,asset,books,posted_at\n"
    text = head + line.format("posted", "") + line.format("unposted", "")
    assert post(shop, text + line.format("posted", "")) == 1
    told_ = read(capsys)
    assert [one["outcome"] for one in told_["lines"]] == ["written", "written", "refused"]
    assert "say when this was" in told_["lines"][2]["message"]
    assert post(shop, text) == 0
    assert read(capsys)["counts"]["repeat"] == 2
    assert books(shop, "inv-1", capsys) == ("unposted", "")


def test_an_instant_beyond_the_calendar_refuses_its_line_alone(shop: Shop, capsys: Output) -> None:
    """The year 1 east of Greenwich is in no year: the lines behind it are booked all the same."""
    head = "payment,posting,amount,asset,posted_at\n"
    wrong = "inv-1,gl-1,1,USDT,0001-01-01T00:00:00+14:00\n"
    assert post(shop, head + wrong + "inv-2,gl-2,12.50,USDT,\n") == 1
    assert [one["outcome"] for one in read(capsys)["lines"]] == ["refused", "written"]


def test_a_word_that_no_database_holds_is_told_as_one(shop: Shop, capsys: Output) -> None:
    """Pasted from a terminal with another encoding: a sentence, and no traceback."""
    decision = said(shop, "inv-1", reason="mistake")
    assert withdrawing.withdraw(shop.configuration(), "t-\udcff", decision) == 2
    assert "no text that a database can hold" in capsys.readouterr().err


def test_the_same_file_again_books_nothing(shop: Shop, capsys: Output) -> None:
    """Whether it was cut off or sent twice: what is in is in, whatever the file is called."""
    text = "".join(CSV.splitlines(keepends=True)[:3])
    assert post(shop, text, dry_run=True) == 0
    assert read(capsys)["counts"]["written"] == 2
    assert books(shop, "inv-1", capsys) == ("unposted", "")
    assert post(shop, text) == 0
    capsys.readouterr()
    for key in ("b-7", "b-8"):
        assert post(shop, text, key=key) == 0
        assert read(capsys)["counts"] == {"written": 0, "repeat": 2, "refused": 0}
    assert post(shop, text.replace("12.50", "12.49"), key="b-9") == 1
    [wrong, _] = read(capsys)["lines"]
    assert (wrong["outcome"], wrong["error"]) == ("refused", "posting_differs")


def test_json_lines_are_read_exactly(shop: Shop, capsys: Output) -> None:
    """12.500000 is no float on its way, and a reversal is a line like any other."""
    begin = '{"payment": "inv-1", "posting": "gl-1", "asset": "USDT", "amount": '
    lines = [
        begin + '12.500000, "posted_at": "2026-01-02T10:00:00Z"}',
        begin + '"12.5", "books": "unposted"}',
    ]
    assert post(shop, "\n".join(lines), "books.jsonl") == 0
    assert read(capsys)["counts"]["written"] == 2
    assert books(shop, "inv-1", capsys) == ("unposted", "")


def test_a_line_waits_for_a_hold(shop: Shop, capsys: Output) -> None:
    """The batch job of the books must not go around compliance."""
    hold = said(shop, "inv-1", reason="compliance_check")
    wanted = Wanted(hold="compliance")
    assert deciding.pay(shop.configuration(), Act.PLACE_HOLD, "inv-1", hold, wanted) == 0
    capsys.readouterr()
    assert post(shop, "".join(CSV.splitlines(keepends=True)[:2])) == 1
    assert read(capsys)["lines"][0]["error"] == "payment_held"


UNREADABLE = {
    "no head": "inv-1,gl-1,12.5,USDT\n",
    "another head": "payment,posting,amount,asset,colour\n",
    "too many fields": "payment,posting,amount,asset\ninv-1,gl-1,1,USDT,x\n",
    "no object": '{"payment": "inv-1"\n',
    "no texts": '{"payment": "inv-1", "posting": null, "amount": "1", "asset": "USDT"}\n',
    "empty": "",
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_books_nothing(shop: Shop, capsys: Output, text: str) -> None:
    """A file of another shape is not guessed at."""
    right = CSV.splitlines(keepends=True)[1]
    assert post(shop, text + right if "head" in text else text) == 2
    assert read(capsys)["error"] == "invalid_request"


def test_finance_alone_posts(shop: Shop, capsys: Output) -> None:
    """No webhook, and nobody else either."""
    assert post(shop, CSV, role="operations") == 1
    assert read(capsys)["error"] == "role_not_allowed"
    assert post(shop, CSV, json=False) == 1
    shown = capsys.readouterr().out
    assert "2 written, 0 repeat, 3 refused" in shown
    assert "not_found: inv-9" in shown


def withdraw(shop: Shop, name: str, key: str, **changes: Any) -> int:
    """Take a command back."""
    decision = said(shop, name, "w-1", reason="mistake", **changes)
    return withdrawing.withdraw(shop.configuration(), key, decision)


def test_what_was_told_meanwhile_is_told_when_a_command_is_taken_back(
    shop: Shop, capsys: Output
) -> None:
    """Goods may have gone out on the word of a mistake: whoever takes it back must know."""
    accept = said(
        shop, "inv-3", reason="goodwill", role="operations", approved_by="alice", json=False
    )
    found = shop.configuration()
    assert deciding.pay(found, Act.ACCEPT_LATE, "inv-3", accept, Wanted()) == 0
    assert "Late -> Paid (accepted_late)" in capsys.readouterr().out
    roles = {"role": "operations", "approved_by": "alice"}
    assert withdraw(shop, "inv-3", "t-1", dry_run=True, json=False, **roles) == 0
    dry = capsys.readouterr().out
    assert "Paid (accepted_late) -> Late" in dry
    assert "raised   LATE_FUNDS" in dry
    assert withdraw(shop, "inv-3", "t-1", **roles) == 0
    done = read(capsys)
    assert (done["is_written"], done["after"]["label"]) == (True, "Late")
    [meanwhile] = done["meanwhile"]
    assert (meanwhile["notice"], meanwhile["fate"]) == ("com.sealgate.payment.paid", "waiting")
    assert showing.payment(found, "inv-3", as_json=False) == 0
    shown = capsys.readouterr().out
    assert "payments accept-late by kim (operations, approved by alice)" in shown
    assert "as t-1; WITHDRAWN" in shown
    assert "payments withdraw t-1 by kim" in shown


def test_only_those_who_are_listed_decide(shop: Shop, capsys: Output) -> None:
    """A name that nobody knows is no second person, and no first one."""
    with shop.config.open("a") as file:
        file.write('[operators]\npeople = ["kim", "alice"]\n')
    found, wanted = shop.configuration(), Wanted()
    roles = {"role": "operations", "reason": "goodwill"}
    for by, second in (("lee", "alice"), ("kim", "nobody"), ("Kim", "alice")):
        decision = said(shop, "inv-3", by=by, approved_by=second, **roles)
        assert deciding.pay(found, Act.ACCEPT_LATE, "inv-3", decision, wanted) == 1
        assert read(capsys)["error"] == "person_unknown"
    decision = said(shop, "inv-3", approved_by="alice", **roles)
    assert deciding.pay(found, Act.ACCEPT_LATE, "inv-3", decision, wanted) == 0


@pytest.mark.parametrize("names", ['"kim", "KIM"', '"kim", "k\u0131m"', '"kim", "--"'])
def test_two_colleagues_whom_nobody_can_tell_apart_are_a_mistake(shop: Shop, names: str) -> None:
    """The list is the last hurdle: what looks the same in it would pass for two."""
    with shop.config.open("a") as file:
        file.write(f"[operators]\npeople = [{names}]\n")
    with pytest.raises(ConfigurationInvalid, match="operators"):
        shop.configuration()


def test_a_wrong_reason_lists_those_that_fit(shop: Shop, capsys: Output) -> None:
    """The others would be refused next."""
    decision = said(shop, "inv-1", reason="because", json=False)
    wanted = Wanted(posting="gl-1")
    assert deciding.pay(shop.configuration(), Act.RECORD_POSTING, "inv-1", decision, wanted) == 2
    assert capsys.readouterr().err == "invalid_request: --reason: one of booked\n"


def test_what_can_be_decided_is_what_would_be_done(shop: Shop, capsys: Output) -> None:
    """The commands as they are typed, and no others."""
    assert showing.payment(shop.configuration(), "inv-1", as_json=True) == 0
    assert [one["command"] for one in read(capsys)["choices"]] == [
        "payments refunded",
        "payments hold",
        "payments posted",
        "payments request-refund",
    ]
    hold = said(shop, "inv-1", reason="compliance_check")
    wanted = Wanted(hold="compliance")
    assert deciding.pay(shop.configuration(), Act.PLACE_HOLD, "inv-1", hold, wanted) == 0
    capsys.readouterr()
    assert showing.payment(shop.configuration(), "inv-1", as_json=True) == 0
    [*_, release, request, undo] = read(capsys)["choices"]
    assert release["command"] == "payments release --kind compliance"
    assert release["roles"] == ["compliance"]
    assert (request["command"], undo["command"]) == (
        "payments request-refund",
        "payments withdraw",
    )


def test_a_refund_asked_for_says_where_to(shop: Shop, capsys: Output) -> None:
    """Amounts in units, and the address, as the second person saw them."""
    decision = said(shop, "inv-1", reason="customer_asked", approved_by="alice")
    wanted = Wanted(asset="USDT", amount="2.50", address="T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb")
    assert deciding.pay(shop.configuration(), Act.REQUEST_REFUND, "inv-1", decision, wanted) == 0
    done = read(capsys)
    assert (done["raised"], done["notice"]) == (["REFUND_REQUESTED"], None)
    assert showing.payment(shop.configuration(), "inv-1", as_json=False) == 0
    shown = capsys.readouterr().out
    assert "request-refund 2.500000 USDT address T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb by" in shown


def test_a_refund_typed_wrong_is_refused_in_units(shop: Shop, capsys: Output) -> None:
    """The provider's word that it is paid in full has no figure; the transfer's has."""
    decision = said(shop, "inv-1", reason="goodwill", json=False)
    found, act = shop.configuration(), Act.RECORD_REFUND
    wanted = Wanted(refund="RF-1", asset="USDT", amount="25")
    assert deciding.pay(found, act, "inv-1", decision, wanted) == 1
    assert "12.5 USDT came" in capsys.readouterr().err


def test_what_was_taken_back_is_shown_as_what_does_not_count(shop: Shop, capsys: Output) -> None:
    """A fact that is listed like the others would be counted by whoever reads the list."""
    decision = said(shop, "inv-1", reason="goodwill", json=False)
    wanted = Wanted(refund="RF-1", asset="USDT", amount="12.5")
    found = shop.configuration()
    assert deciding.pay(found, Act.RECORD_REFUND, "inv-1", decision, wanted) == 0
    assert withdraw(shop, "inv-1", "t-1", json=False) == 0
    done = capsys.readouterr().out
    assert "Refunded -> Confirmed" in done
    assert "resolved" not in done
    assert showing.payment(found, "inv-1", as_json=True) == 0
    [refund] = [one for one in read(capsys)["facts"] if one["is_void"]]
    assert (refund["kind"], refund["transfer"]) == ("refund", "RF-1")
    assert showing.payment(found, "inv-1", as_json=False) == 0
    assert "by sealgate/operator/t-1; VOID, does not count" in capsys.readouterr().out


def test_a_payment_is_asked_for_again_at_the_same_price(shop: Shop, capsys: Output) -> None:
    """A new reference without an amount asks what the old one asked; here nobody knows that."""
    shop.apply(told("e1", "inv-4", "InvoiceExpired", at_s=30))
    decision = said(shop, "inv-4", role="operations", reason="customer_asked")
    found, act = shop.configuration(), Act.REISSUE_REFERENCE
    assert deciding.pay(found, act, "inv-4", decision, Wanted(replacement="inv-5")) == 2
    assert "say both, since what was asked for is nothing" in read(capsys)["message"]
    wanted = Wanted(replacement="inv-5", asset="USDT", amount="3", window="2h")
    assert deciding.pay(found, act, "inv-4", decision, wanted) == 0
    assert read(capsys)["made"] == ["btcpay/shop/inv-5"]
    assert deciding.pay(found, act, "inv-4", decision, wanted) == 0
    assert read(capsys)["is_repeat"] is True
