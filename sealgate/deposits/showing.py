"""`sealgate deposits list` and `sealgate deposits show`: money that names no payment."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from consumers.exceptions import subject_of
from consumers.interpret import assets
from consumers.proposing import candidates, described
from consumers.refusals import Unknown, WrongWords
from consumers.store.cases import ItemFilter
from consumers.store.deposit_reads import FIRST, DepositReads
from consumers.store.deposits import PREFIX, DepositState
from consumers.store.kept import Kept
from consumers.store.port import PaymentKey, Store
from ingress import telemetry
from sealgate.config import Configuration
from sealgate.deposits import documents
from sealgate.exposure import addresses
from sealgate.exposure.marking import accounts
from sealgate.operations import documents as payment_documents
from sealgate.operations.answering import Document, answer, columns, refuse
from sealgate.policies import policy_of

LIMIT_MAX = 1000
ITEMS_MAX = 100
_AFTER = re.compile(r"([0-9]{1,18})/(.+)")


class Asked(NamedTuple):
    """Which deposits a person wants to see."""

    state: str = ""
    after: str = ""
    limit: int = 50


def listing(configuration: Configuration, asked: Asked, *, as_json: bool) -> int:
    """Print a page of deposits, the latest seen first; return the exit code."""
    try:
        state, after, limit = _state(asked.state), _after(asked.after), _limit(asked.limit)
    except WrongWords as wrong:
        return refuse(wrong, as_json=as_json)

    async def ask(store: Store) -> Document:
        reads, decimals = DepositReads.of(store), assets.load().decimals
        page = await reads.page(state, after, limit)
        found = [
            documents.deposit(
                one, await store.payment(one.key), await reads.history(one.key), decimals
            )
            for one, _ in page
        ]
        following = None
        if len(page) == limit:
            last, _ = page[-1]
            following = f"{last.at_ms}/{addresses.write(last.key)}"
        return {"format": "sealgate.deposits/1", "deposits": found, "next": following}

    return answer(configuration, ask, _list_lines, as_json=as_json)


def one(configuration: Configuration, text: str, *, as_json: bool) -> int:
    """Print one deposit; return the exit code."""

    async def ask(store: Store) -> Document:
        return await tell(store, configuration, await deposit_of(store, configuration, text))

    return answer(configuration, ask, show_lines, as_json=as_json)


async def tell(store: Store, configuration: Configuration, key: PaymentKey) -> Document:
    """Read a deposit, and write it as a document. Raises `Unknown`."""
    reads, decimals = DepositReads.of(store), assets.load().decimals
    told, kept = await reads.deposit(key), await store.payment(key)
    if told is None or kept is None:
        raise Unknown(f"{key.reference}: there is no such deposit")
    history = await reads.history(key)
    found = await candidates(store, told, kept, policy_of(configuration))
    items = await store.cases.items(ItemFilter(subject=subject_of(key)), None, ITEMS_MAX)
    now_ms = telemetry.now_ms()
    return {
        "format": "sealgate.deposit/1",
        **documents.deposit(told, kept, history, decimals),
        "facts": [
            payment_documents.statement(each, decimals) for each in await store.statements(key)
        ],
        "history": [documents.move(each) for each in history],
        "candidates": json.loads(described(found)),
        "exceptions": payment_documents.items(items, now_ms, decimals),
    }


async def deposit_of(store: Store, configuration: Configuration, text: str) -> PaymentKey:
    """Find the deposit that `text` stands for: its name, or its transaction. Raises `Unknown`."""
    whole = addresses.read(text)
    keys = [] if whole is None else [PaymentKey(*whole)]
    reference = text if text.startswith(PREFIX) else PREFIX + text
    keys += [PaymentKey(*account, reference) for account in sorted(set(accounts(configuration)))]
    transferred = await store.finder.transferred(text)
    keys += [key for key in transferred if key.reference.startswith(PREFIX)]
    found = []
    for key in dict.fromkeys(keys):
        kept = await store.payment(key)
        if kept is not None and kept.kept is Kept.DEPOSIT:
            found.append(key)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(map(addresses.write, found))
        raise Unknown(f"{text} stands for {len(found)} deposits; say which: {listed}")
    raise Unknown(f"{text}: there is no such deposit; `sealgate deposits list` shows them")


def show_lines(told: Document) -> Iterator[str]:
    """Write a deposit for a person, with all that is decided upon."""
    yield from documents.lines(told)
    yield "facts"
    for each in told["facts"]:
        said = " ".join(str(each[name]) for name in ("kind", "detail", "at") if each[name])
        yield f"  {said}, by {each['event']}"
    if told["history"]:
        yield "what was decided"
    for each in told["history"]:
        to = f" with {each['payment']}" if each["payment"] else ""
        yield f"  version {each['version']} {each['state']}{to} at {each['at']}, by {each['event']}"
    if told["candidates"] and told["payment"] is None:
        yield "payments that it may be for: score, and why"
        yield from (f"  {line}" for line in documents.why(told["candidates"]))
    for each in told["exceptions"]:
        yield f"exception {each['exception']} {each['code']}, {each['age']} old"


def _state(text: str) -> str:
    """Read a state, in any case. Raises `WrongWords`."""
    known = {one.lower(): str(one) for one in DepositState}
    if text and text.lower() not in known:
        raise WrongWords(f"--state: one of {', '.join(DepositState)}")
    return known[text.lower()] if text else ""


def _limit(limit: int) -> int:
    if not 1 <= limit <= LIMIT_MAX:
        raise WrongWords(f"--limit: from 1 to {LIMIT_MAX}")
    return limit


def _after(text: str) -> tuple[int, PaymentKey]:
    """Read where a list goes on. Raises `WrongWords`."""
    if not text:
        return FIRST
    found = _AFTER.fullmatch(text)
    key = None if found is None else addresses.read(found[2])
    if found is None or key is None:
        raise WrongWords("--after: give what the list before this one told as `next`")
    return int(found[1]), PaymentKey(*key)


def _list_lines(told: Document) -> Iterator[str]:
    if not told["deposits"]:
        yield "no deposit is so"
        return
    head = ("deposit", "state", "v", "first seen", "amount", "to", "payment")
    rows = [
        (
            each["deposit"],
            each["state"],
            str(each["version"]),
            each["first_seen"],
            payment_documents.amounts_text(each["amounts"]) or "nothing stands",
            each["to"] or "-",
            each["payment"] or "-",
        )
        for each in told["deposits"]
    ]
    yield from columns([head, *rows])
    if told["next"]:
        yield f"there are more: --after {told['next']}"
