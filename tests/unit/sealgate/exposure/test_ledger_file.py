"""A provider's ledger as people make it: spreadsheets, exports, mistakes."""

from pathlib import Path

import pytest

from consumers.facts import Fact, FactKind
from consumers.ledger import Ledger, LedgerMalformed, Says
from consumers.store.port import EventKey
from sealgate.exposure import ledger_file

ETHER_12 = 12_000_000_000_000_000_000
WHOLE_ETHER = Fact(FactKind.FINAL, "tx", "ETH", ETHER_12, whole=True, late=False, at_ms=1)


def read(tmp_path: Path, text: str | bytes) -> Ledger:
    """Write a ledger and read it."""
    path = tmp_path / "ledger"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ledger_file.read(path, is_complete=True)


def says(ledger: Ledger, reference: str = "inv-1") -> Says:
    """Ask about a settlement of twelve ether."""
    key = EventKey("btcpay", "shop", "e1")
    return ledger.judge(key, reference, [WHOLE_ETHER], {}, is_disputed=False).says


@pytest.mark.parametrize(
    "text",
    [
        f"payment,status,asset,amount\ninv-1,Confirmed,ETH,{ETHER_12}\n",
        # As a spreadsheet writes it: a byte order mark, CRLF, quotes, other letters, more columns.
        f'\ufeffAccount,Payment,Status,Asset,Amount\r\n"",inv-1,CONFIRMED,eth,"{ETHER_12}"\r\n\r\n',
        f'{{"payment":"inv-1","status":"confirmed","asset":"ETH","amount":"{ETHER_12}"}}\n',
        f'\n{{"payment":"inv-1","status":"late","asset":"ETH","amount":{ETHER_12},"price":null}}',
    ],
)
def test_a_ledger_is_read_as_it_was_written_to_the_last_digit(tmp_path: Path, text: str) -> None:
    """An amount that went through a float would contradict a true payment."""
    assert says(read(tmp_path, text)) is Says.HOLDS
    more = read(tmp_path, text.replace(str(ETHER_12), str(ETHER_12 - 1)))
    assert says(more) is Says.DENIES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("payment,status\ninv-1,done\n", "line 2: status 'done' is none of Pending"),
        ("payment,status,amuont\ninv-1,Paid,5\n", "line 2: unknown column 'amuont'"),
        ("payment,status\ninv-1\n", "line 2: has 1 cells, and the header 2"),
        ("payment,payment\na,b\n", "line 1: a column is there twice"),
        ("payment,asset,amount\ninv-1,USDT,10.50\n", "smallest unit"),
        ("payment,asset,amount\ninv-1,USDT,-5\n", "line 2: amount"),
        ("payment,asset,amount\ninv-1,USDT,1e3\n", "line 2: amount"),
        ("payment,asset,amount\ninv-1,USDT,٣\n", "line 2: amount"),
        ("payment,asset,amount\ninv-1,USTD,5\n", "line 2: asset 'USTD' is not registered"),
        ('payment,status\n"inv-1,Paid\n', "is not CSV"),
        ('{"payment":"inv-1"\n', "line 1: is not JSON"),
        ('{"event":"a","event":"b"}\n', "line 1: is not JSON, or repeats a key"),
        ('{"event":"a"}\n[1]\n', "line 2: is not a JSON object"),
        ('{"event":"a"}\n{"event":1.5}\n', "line 2: event is not a text"),
        ('{"event":"a"}\n{"event":true}\n', "line 2: event is not a text"),
        ("payment,status\n", "has no rows"),
        ("", "has no rows"),
        ("payment,status,event\ninv-1,Paid,\n,,e1\n", "line 3 is of another kind than line 2"),
        (b"payment,status\n\xff,Paid\n", "is not UTF-8"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    """A row that is passed over turns "the provider denies it" into silence."""
    with pytest.raises(LedgerMalformed, match=words):
        read(tmp_path, text)


def test_every_mistake_is_told_at_once_up_to_a_limit(tmp_path: Path) -> None:
    """Whoever mends an export at night mends it once; ten thousand lines help nobody."""
    with pytest.raises(LedgerMalformed) as told:
        read(tmp_path, "payment,status\n" + "inv,wrong\n" * 30)
    assert len(str(told.value).splitlines()) == 21
    assert str(told.value).endswith("and 10 more")
