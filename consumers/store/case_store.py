"""What people ask of exceptions and payments, and what they do to them, as rows.

A list is read page by page along the order of its index, each page from where the last one ended,
so that the thousandth costs what the first did and nothing is told twice while the queue moves. A
statement holds the conditions that were asked for and no others, so that the database can choose an
index for them. One text serves both databases.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from consumers.store import chain, deposit_store
from consumers.store.cases import (
    Action,
    Closing,
    Evidence,
    Item,
    ItemFilter,
    Line,
    PaymentFilter,
    Place,
    Status,
    Work,
)
from consumers.store.deposit_store import DepositStatements
from consumers.store.deposits import DepositsHeld
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.polls import ProviderRead
from consumers.store.port import Changes, Fenced
from consumers.store.rows import Row, anomaly, evidence_rows

# Both drivers take such values, and no others are asked with.
Value = str | int
Ask = Callable[..., Awaitable[list[Row]]]
Many = Callable[[str, Sequence[Row]], Awaitable[list[Row]]]
Tell = Callable[[str, Sequence[Row]], None]

_ITEM = """
SELECT code, subject, severity, evidence, event_provider, event_account, event_key,
    first_ms, times, last_ms, risk_asset, CAST(risk_amount AS text),
    id, status, assignee, next_check_ms, reopened, version,
    closed_ms, resolution, resolution_code, resolved_by, approved_by
FROM anomaly
"""
_EVIDENCE = "SELECT evidence, event_provider, event_account, event_key, at_ms FROM anomaly_evidence"
_ACTION = """
SELECT key, name, provider, account, reference, anomaly_id, done_by, role, approved_by, reason,
    note, detail, at_ms
FROM operator_action
"""
_LINE = "SELECT provider, account, reference, state, version, created_ms, changed_ms FROM payment"
_OPEN, _CLOSED = "closed_ms IS NULL", "closed_ms IS NOT NULL"


class Condition(NamedTuple):
    """A part of a question: `{0}` and so on stand for its values."""

    text: str
    values: tuple[Value, ...] = ()


def question(
    select: str, conditions: Sequence[Condition], order: str, limit: int, mark: str
) -> tuple[str, list[Value]]:
    """Write a statement and its values; `mark` begins a parameter: ``?`` or ``$``."""
    values: list[Value] = []
    texts = []
    for condition in conditions:
        places = []
        for value in condition.values:
            values.append(value)
            # A server that sees a parameter alone cannot know of what type it is.
            kind = "bigint" if isinstance(value, int) else "text"
            places.append(f"CAST({mark}{len(values)} AS {kind})")
        texts.append(condition.text.format(*places))
    values.append(limit)
    where = " WHERE " + " AND ".join(texts) if texts else ""
    return f"{select}{where} ORDER BY {order} LIMIT {mark}{len(values)}", values


class CaseStatements(NamedTuple):
    """How one of the databases is told what was done: for each row, or for a set of rows."""

    append_evidence: str
    work: str
    insert_action: str
    insert_read: str
    insert_freeze: str
    deposits: DepositStatements


async def save(many: Many, sql: CaseStatements, changes: Changes, tell: Tell) -> None:
    """Write what a batch says of exceptions beside raising and ending them, and of deposits.

    Raises `Fenced` where an item was worked on by another, or closed; or a deposit decided on.
    """
    await deposit_store.save(many, sql.deposits, changes, tell)
    if changes.anomalies:
        evidence = evidence_rows(changes.anomalies)
        appended = await many(sql.append_evidence, evidence)
        tell("evidence", evidence)
        tell("numbered", chain.numbered("anomaly_evidence", appended))
    if changes.works:
        works = sorted(work_row(one) for one in changes.works)
        left = await many(sql.work, works)
        if len(left) != len(works):
            raise Fenced("an exception was worked on by another since it was read")
        tell("works", works)
        tell("numbered", chain.numbered("anomaly", left))
    if changes.actions:
        actions = [action_row(one) for one in changes.actions]
        taken = await many(sql.insert_action, actions)
        tell("actions", actions)
        tell("numbered", chain.numbered("operator_action", taken))
    if changes.reads:
        reads = [read_row(one) for one in changes.reads]
        made = await many(sql.insert_read, reads)
        tell("reads", reads)
        tell("numbered", chain.numbered("provider_read", made))
    if changes.freezes:
        freezes: list[Row] = [tuple(one) for one in changes.freezes]
        said = await many(sql.insert_freeze, freezes)
        tell("freezes", freezes)
        tell("numbered", chain.numbered("freeze_word", said))


def deposits_held(many: Many, sql: CaseStatements) -> DepositsHeld:
    """Make what a transaction answers about deposits."""
    return deposit_store.Held(many, sql.deposits)


class CaseReads:
    """Answers by way of `ask`, which runs a statement of one of the two databases."""

    def __init__(self, ask: Ask, mark: str) -> None:
        self._ask = ask
        self._mark = mark

    async def items(self, wanted: ItemFilter, after: Place | None, limit: int) -> Sequence[Item]:
        """Read items: open ones by severity and age, closed ones the latest closed first."""
        conditions = _item_conditions(wanted)
        if after is not None and wanted.is_open:
            conditions.append(Condition("(severity, first_ms, id) > ({0}, {1}, {2})", after))
        elif after is not None:
            conditions.append(Condition("(closed_ms, id) < ({0}, {1})", after[1:]))
        order = "severity, first_ms, id" if wanted.is_open else "closed_ms DESC, id DESC"
        return [_item(row) for row in await self._find(_ITEM, conditions, order, limit)]

    async def item(self, number: int) -> Item | None:
        """Read one item."""
        found = await self._find(_ITEM, [Condition("id = {0}", (number,))], "id", 1)
        return _item(found[0]) if found else None

    async def evidence(self, number: int) -> Sequence[Evidence]:
        """Read what was told of an item after it was raised, in the order of its coming."""
        about = Condition("anomaly_id = {0}", (number,))
        found = await self._find(_EVIDENCE, [about], "id", _ALL)
        return [
            Evidence(text, None if event[0] is None else EventKey(*event), at_ms)
            for text, *event, at_ms in found
        ]

    async def actions(self, about: PaymentKey | int) -> Sequence[Action]:
        """Read what people did to a payment, or to an item, oldest first."""
        if isinstance(about, int):
            condition = Condition("anomaly_id = {0}", (about,))
        else:
            condition = Condition("provider = {0} AND account = {1} AND reference = {2}", about)
        return [_action(row) for row in await self._find(_ACTION, [condition], "id", _ALL)]

    async def action(self, key: str) -> Action | None:
        """Read what somebody did under an idempotency key."""
        found = await self._find(_ACTION, [Condition("key = {0}", (key,))], "id", 1)
        return _action(found[0]) if found else None

    async def lines(self, wanted: PaymentFilter, after: Line | None, limit: int) -> Sequence[Line]:
        """Read payments, the latest changed first."""
        conditions = _line_conditions(wanted)
        if after is not None:
            text = "(changed_ms, provider, account, reference) < ({0}, {1}, {2}, {3})"
            conditions.append(Condition(text, (after.changed_ms, *after.key)))
        order = "changed_ms DESC, provider DESC, account DESC, reference DESC"
        found = await self._find(_LINE, conditions, order, limit)
        return [Line(PaymentKey(*row[:3]), *row[3:]) for row in found]

    async def _find(
        self, select: str, conditions: Sequence[Condition], order: str, limit: int
    ) -> list[Row]:
        statement, values = question(select, conditions, order, limit, self._mark)
        return await self._ask(statement, *values)


# What people do to one thing, and what is kept of its evidence, is bounded by people and by `rows`.
_ALL = 10_000


def work_row(work: Work) -> Row:
    """Lay out what an action leaves of an item."""
    closing = work.closing
    end = (None, None, "", "", "") if closing is None else tuple(closing)
    status = str(work.status)
    return (work.id, work.was, status, work.assignee, work.next_check_ms, *end)


def action_row(action: Action) -> Row:
    """Lay out what somebody did."""
    return (action.key, action.name, *(action.payment or (None, None, None)), *action[3:])


def read_row(read: ProviderRead) -> Row:
    """Lay out what a provider answered."""
    return (*read.payment, *read[1:-1], *(read.event or (None, None, None)))


def _action(row: Row) -> Action:
    key, name, *payment = row[:5]
    return Action(key, name, None if payment[0] is None else PaymentKey(*payment), *row[5:])


def _item(row: Row) -> Item:
    _, _, _, _, _, _, _, _, times, last_ms, _, _ = row[:12]
    number, status, assignee, next_check_ms, reopened, version, *end = row[12:]
    return Item(
        id=number,
        anomaly=anomaly(row),
        times=times,
        last_ms=last_ms,
        status=Status(status),
        assignee=assignee,
        next_check_ms=next_check_ms,
        reopened=reopened,
        version=version,
        closing=None if end[0] is None else Closing(end[0], end[1] or "", *end[2:]),
    )


def _item_conditions(wanted: ItemFilter) -> list[Condition]:
    conditions = [Condition(_OPEN if wanted.is_open else _CLOSED)]
    if wanted.codes:
        codes = tuple(sorted(wanted.codes))
        places = ", ".join(f"{{{number}}}" for number in range(len(codes)))
        conditions.append(Condition(f"code IN ({places})", codes))
    if wanted.provider:
        # An exception about a source or an asset names a provider by its event alone.
        text = (
            "(event_provider = {0}"
            " OR substr(subject, 1, length({0}) + 1) = {0} || CAST('/' AS text))"
        )
        conditions.append(Condition(text, (wanted.provider,)))
    told: tuple[tuple[str, Value | None], ...] = (
        ("severity = {0}", wanted.severity),
        ("status = {0}", wanted.status and str(wanted.status)),
        ("assignee = {0}", wanted.assignee or None),
        ("subject = {0}", wanted.subject or None),
        ("first_ms >= {0}", wanted.from_ms),
        ("first_ms < {0}", wanted.before_ms),
    )
    return conditions + _present(told)


def _line_conditions(wanted: PaymentFilter) -> list[Condition]:
    return _present(
        (
            ("state = {0}", wanted.state or None),
            ("version > {0}", None if wanted.state else 0),
            ("provider = {0}", wanted.provider or None),
            ("account = {0}", wanted.account or None),
            ("changed_ms < {0}", wanted.before_ms),
        )
    )


def _present(told: Sequence[tuple[str, Value | None]]) -> list[Condition]:
    return [Condition(text, (value,)) for text, value in told if value is not None]
