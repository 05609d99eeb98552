"""Everything that can be asked and ordered with `--json`, typed one after the other beside a world.

A world of `gallery` flows in, and a judge; every command is given at least once as it should be,
and once as it is refused, where it can be. What follows from one order is what the next is about.
"""

import io
import json
import pickle
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest.mock import patch

from consumers.actions import COMMANDS as ORDERS
from consumers.actions import RULES, Reason, Role
from sealgate.schemas.commands import COMMANDS
from tests.support.gallery import UNKNOWN_NETWORK, Place, Printed, command
from tests.support.gateway import BODY, btcpay
from tests.support.replayed import PAID_IS_FINAL, candidate
from tests.support.schemas import Judge

LOWERED = "Cut on the way, twice"
TYPED = {typed: act for act, typed in ORDERS.items()}


@dataclass(slots=True)
class Talk:
    """One person at a shell."""

    place: Place
    judge: Judge
    orders: int = 0
    said: list[tuple[str, ...]] = field(default_factory=list)

    def say(self, *words: str, config: bool = True) -> list[Any]:
        """Give a command; return the documents that it printed, which were judged."""
        name = next(one for one in (" ".join(words[:2]), words[0]) if one in COMMANDS)
        where = ("--config", self.place.config) if config else ()
        printed: Printed = command(*words, "--json", *where)
        self.said.append(words)
        assert printed.out, (words, printed)
        is_lines = COMMANDS[name].is_lines or "-" in words
        return self.judge.judge(name, printed.out, is_lines=is_lines)

    def order(self, typed: str, *words: str, version: str) -> dict[str, Any]:
        """Give an order as its rule has it, with a second person; and once as it is refused."""
        self.orders += 1
        rule = RULES[TYPED[typed]]
        role = min(rule.roles, default=Role.OPERATIONS)
        reason = min(rule.reasons, default=Reason.INCIDENT)
        said = ("--by", "ann", "--reason", reason, "--note", "asked by mail")
        about = (*typed.split(), *words, *said, "--key", f"T-{self.orders}")
        seen = ("--expect-version", version, "--approved-by", "kim")
        [refused] = self.say(*about, *seen, "--role", "nobody")
        assert refused["error"] == "invalid_request"
        [done] = self.say(*about, *seen, "--role", role)
        assert done.get("is_written"), (typed, done)
        return dict(done)

    def payment(self, title: str) -> tuple[str, str]:
        """Return a payment's reference and its version, by the title of its scenario."""
        reference = self.place.references[title]
        [shown] = self.say("payments", "show", reference)
        return reference, shown["version"]

    def pay(self, typed: str, title: str, *words: str) -> dict[str, Any]:
        """Order something about a payment."""
        reference, version = self.payment(title)
        return self.order(typed, reference, *words, version=version)


def talk(place: Place, judge: Judge) -> Talk:
    """Say everything; return what was said."""
    one = Talk(place, judge)
    parts: Sequence[Callable[[Talk], None]] = (
        _payments,
        _books,
        _finance,
        _expected,
        _exceptions,
        _deposits,
        _freeze,
        _history,
        _keys,
        _captures,
        _replays,
        _stories,
        _words,
    )
    # Files of words that every command reads anew, hundreds of times what one person would.
    with patch("tomllib.loads", _loaded):
        for part in parts:
            part(one)
    return one


def _loaded(text: str, **more: Any) -> dict[str, Any]:
    """Read TOML as the library does, each text once; whoever asks gets a copy of their own."""
    found: dict[str, Any] = pickle.loads(_pickled(text)) if not more else _loads(text, **more)
    return found


_loads = tomllib.loads


@cache
def _pickled(text: str) -> bytes:
    return pickle.dumps(_loads(text))


def _payments(one: Talk) -> None:
    [page] = one.say("payments", "list", "--limit", "1")
    one.say("payments", "list", "--limit", "5", "--after", page["next"])
    one.say("payments", "list", "--state", "nonsense")
    one.say("payments", "show", "nobody")
    one.pay("payments accept-late", "Late")
    withdrawn = f"T-{one.orders}"
    one.order("payments withdraw", withdrawn, version=one.payment("Late")[1])
    one.pay("payments accept-underpaid", "Underpaid")
    money = ("--asset", "USDC", "--amount", "1")
    done = ("--status", "succeeded")
    one.pay("payments refunded", "Delivered three times at once", "--refund", "RF-1", *money, *done)
    one.pay("payments cancel", "Forged signature")
    one.pay("payments fail", "No signature, and one of another body")
    for typed in ("payments hold", "payments release"):
        one.pay(typed, "Paid in full", "--kind", "operator")
    again = ("--reference", "again-1", "--asset", "USDC", "--amount", "49", "--window", "1h")
    one.pay("payments reissue-reference", "Expired", *again)
    to = ("--address", "0x" + "9" * 40)
    one.pay("payments request-refund", "Delivered three times at once", *money, *to)


def _books(one: Talk) -> None:
    title = "Two live keys: a rotation"
    entry = ("--posting", "gl-1")
    one.pay("payments posted", title, *entry, "--asset", "USD", "--amount", "49")
    one.pay("payments unposted", title, *entry)
    other = one.place.references["Replayed an hour later"]
    rows = ["payment,posting,amount,asset", f"{other},gl-2,49,USD", f"{other},gl-3,1,NOPE"]
    file = one.place.ground.directory / "books.csv"
    file.write_text("\n".join([*rows, rows[1], ""]), "utf-8")
    said = ("--by", "ann", "--note", "batch 7", "--key", "B-7")
    one.say("payments", "post-batch", str(file), *said)
    one.say("payments", "post-batch", str(file), *said, "--role", "nobody")


def _finance(one: Talk) -> None:
    """Export, verify, and try to close a month while there is much in its way."""
    directory = one.place.ground.directory
    [told] = one.say("export", "--period", "2026-10", "--out", str(directory / "october"))
    assert told["roll_forward"]
    one.say("export", "--period", "never", "--out", str(directory / "never"))
    movements = directory / "october" / "movements.csv"
    movements.write_bytes(movements.read_bytes() + b"x")
    [found] = one.say("export", "verify", str(directory / "october"))
    assert found["problems"]
    config = directory / "closing.toml"
    audit = '\n[audit]\nkey_file = "audit-key.pem"\n'
    config.write_text(one.place.ground.configuration.read_text("utf-8") + audit, "utf-8")
    own = ("--config", str(config))
    assert command("audit", "init", *own).code == 0
    said = ("--by", "ann", "--second", "kim", "--note", "October")
    month = ("--period", "2026-10", "--out", str(directory / "package"))
    [told] = one.say("close", *month, *said, *own, config=False)
    assert "severity_1_open" in {blocker["code"] for blocker in told["blockers"]}
    one.say("close", *month, *said, "--role", "nobody", *own, config=False)


def _expected(one: Talk) -> None:
    source = ("--source", "btcpay-demo")
    one.say("payments", "expect", "inv-new", *source, "--asset", "BTC", "--amount", "0.5")
    one.say("payments", "expect", "inv-new", "--source", "nobody")
    lines = [json.dumps({"reference": "inv-2"}), json.dumps({"reference": ""})]
    with patch("sys.stdin", io.StringIO("\n".join(lines))):
        one.say("payments", "expect", "-", *source)


def _exceptions(one: Talk) -> None:
    [page] = one.say("exceptions", "list", "--limit", "2")
    assert page["next"]
    [page] = one.say("exceptions", "list", "--limit", "100")
    by_code = {item["code"]: item for item in page["exceptions"]}
    one.say("exceptions", "list", "--code", "nonsense")
    one.say("exceptions", "show", "ex-9999")
    mismatch = by_code["ENV_MISMATCH"]["exception"]
    for typed, *words in (
        ("exceptions assign", "--to", "lee"),
        ("exceptions wait", "--for", "provider", "--check-in", "2h"),
        ("exceptions note",),
    ):
        [shown] = one.say("exceptions", "show", mismatch)
        one.order(typed, mismatch, *words, version=str(shown["version"]))
    _end(one, mismatch, "exceptions resolve", Role.ENGINEERING)
    _end(one, by_code["AMOUNT_UNDER"]["exception"], "exceptions write-off", Role.FINANCE)
    one.say("exceptions", "list", "--closed")
    one.say("exceptions", "report")
    one.say("exceptions", "report", "--by", "nonsense")


def _end(one: Talk, item: str, typed: str, role: Role) -> None:
    """Close an exception, as who owns it."""
    [shown] = one.say("exceptions", "show", item)
    reason = min(RULES[TYPED[typed]].reasons)
    seen = ("--expect-version", str(shown["version"]), "--approved-by", "kim")
    said = ("--by", "ann", "--note", "looked into", "--key", f"E-{item}", "--reason", reason)
    one.say(*typed.split(), item, *said, *seen, "--role", "nobody")
    [done] = one.say(*typed.split(), item, *said, *seen, "--role", role)
    assert done.get("is_written"), done


def _deposits(one: Talk) -> None:
    [page] = one.say("deposits", "list", "--limit", "1")
    assert page["next"]
    one.say("deposits", "list", "--state", "nonsense")
    one.say("deposits", "show", "nobody")
    names = [f"0x{number:064x}" for number in range(1, 5)]
    for typed, name, *words in (
        ("deposits match", names[0], "order-1"),
        ("deposits unmatch", names[0]),
        ("deposits return", names[1]),
        ("deposits hold", names[2]),
        ("deposits write-off", names[3]),
    ):
        [shown] = one.say("deposits", "show", name)
        one.order(typed, name, *words, version=str(shown["version"]))
    one.say("deposits", "show", names[0])


def _freeze(one: Talk) -> None:
    said = ("--by", "ann", "--reason", "a drill", "--approved-by", "kim")
    for word in ("on", "off"):
        one.say("freeze", word, *said, "--role", "nobody")
        one.say("freeze", word, *said, "--role", "finance")
    one.say("freeze", "show")


def _history(one: Talk) -> None:
    """Verify all that was said so far, and ask who said it."""
    [found] = one.say("audit", "verify")
    assert found["verdict"] == "sound", found["problems"]
    [said] = one.say("audit", "decisions", "--role", "finance")
    assert {decision["role"] for decision in said["decisions"]} == {"finance"}
    one.say("audit", "decisions", "--role", "nobody")


def _keys(one: Talk) -> None:
    directory = one.place.ground.directory
    for words in (
        ("revoke", "late-shop", "first", "--now"),
        ("retire", "stripe-demo", "2026-05"),
    ):
        command("keys", *words, "--config", one.place.config)
    one.say("keys", "list", "--admin", one.place.running.admin_url)
    # A key that proved something, and is configured no more.
    file = one.place.ground.configuration
    text = file.read_text("utf-8")
    file.write_text(text.replace('id = "2026-05"', 'id = "2026-04"'), "utf-8")
    one.say("keys", "status", "stripe-demo")
    file.write_text(text, "utf-8")
    one.say("keys", "exposure", "btcpay-demo", "2026-11")
    one.say("keys", "exposure", "chain", "k1")
    one.say("keys", "exposure", "stripe-demo", "2026-05")
    one.say("quarantine", "list", "--all")
    (directory / "providers").mkdir(exist_ok=True)
    (directory / "providers" / "broken.toml").write_text("scheme = 1", "utf-8")
    one.say("providers", "list")
    (directory / "providers" / "broken.toml").unlink()
    one.say("doctor")
    one.say("doctor", "--offline")


def _captures(one: Talk) -> None:
    """Explain a capture that verifies, and one that was printed anew on its way."""
    directory = one.place.ground.directory
    secret = (directory / "keys" / "late").read_bytes()
    for number, body in enumerate((BODY, json.dumps(json.loads(BODY)).encode())):
        name, value = btcpay(BODY, secret)
        head = f"POST /hooks/late-shop HTTP/1.1\r\nHost: h\r\n{name}: {value}\r\n\r\n"
        file = directory / f"capture-{number}"
        file.write_bytes(head.encode() + body)
        one.say("verify", "--request", str(file), "--source", "late-shop")
        key = ("--key-file", str(directory / "keys" / "late"))
        one.say("providers", "test", "btcpay", "--request", str(file), *key)


def _replays(one: Talk) -> None:
    """Read events by mappings that know one word otherwise, and one network more."""
    directory = one.place.ground.directory
    folder = candidate(directory / "candidate", PAID_IS_FINAL)
    known = (directory / "mappings" / "alchemy.toml").read_text("utf-8")
    more = known.replace("[networks]", f'[networks]\n{UNKNOWN_NETWORK} = "ethereum"')
    (folder / "alchemy.toml").write_text(more.replace("version = 3", "version = 900"), "utf-8")
    one.say("replay")
    one.say("replay", "--from", "beginning", "--mapping", str(folder))


def _stories(one: Talk) -> None:
    """Ask for the story of every kind of thing, and why a payment is as it is."""
    about = ""
    titles = ("Paid in full", "Late", "Underpaid", LOWERED, "Expired")
    for title in titles:
        [told] = one.say("trace", one.place.references[title])
        one.say("why", one.place.references[title])
        events = [entry["event"] for entry in told["entries"] if entry["kind"] == "event"]
        # The last of a payment that the policy takes for seen alone, though its provider does not.
        about = events[-1 if title == LOWERED else 0]
        one.say("events", "show", about)
    marked = (about, "--as", "corroborated", "--reason", "seen there", "--by", "ann")
    assert command("events", "mark", *marked, "--config", one.place.config).code == 0
    one.say("events", "show", about)
    one.say("trace", one.place.references[titles[-1]])
    [deposit] = one.say("deposits", "show", f"0x{1:064x}")
    one.say("trace", deposit["deposit"])
    topic = f"payments.{one.place.ground.environment}.verified"
    junk = next(record for record in one.place.records["verified"] if not record.headers)
    place = junk.position
    one.say("trace", f"{topic}/{place.partition.number}/{place.offset}")


def _words(one: Talk) -> None:
    one.say("glossary", config=False)
    one.say("glossary", "Paid", config=False)
