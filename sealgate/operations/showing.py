"""`sealgate payments show` and `sealgate exceptions show`: everything an operator decides upon."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from consumers.exceptions import Code, subject_of
from consumers.interpret import assets
from consumers.operating import Unknown, event_key
from consumers.store.cases import Item, ItemFilter
from consumers.store.kept import Kept
from consumers.store.port import EventKey, Judgement, PaymentKey, Store
from ingress import telemetry
from sealgate import runbooks
from sealgate.config import Configuration
from sealgate.exposure.marking import accounts
from sealgate.operations import choices, documents, words
from sealgate.operations.answering import Document, answer, given
from sealgate.policies import policy_of

# A payment has a handful; whoever has more reads the list.
ITEMS_MAX = 200


def payment(configuration: Configuration, text: str, *, as_json: bool) -> int:
    """Print one payment; return the exit code."""

    async def ask(store: Store) -> Document:
        key = await words.payment_of(store, text, accounts(configuration))
        return await tell(store, configuration, key)

    return answer(configuration, ask, payment_lines, as_json=as_json)


async def tell(store: Store, configuration: Configuration, key: PaymentKey) -> Document:
    """Read a payment, and write it as a document. Raises `Unknown`."""
    decimals, now_ms = assets.load().decimals, telemetry.now_ms()
    found = await store.payment(key)
    if found is None:
        raise Unknown(f"{key.reference}: there is no such payment")
    actions = await _actions(store, key, decimals)
    fitting = [] if found.kept else list(choices.of(found, policy_of(configuration).terms))
    fitting += choices.withdrawals(one["action"] for one in actions if not one["is_withdrawn"])
    return {
        "format": "sealgate.payment/1",
        **documents.payment(found, policy_of(configuration), decimals),
        "facts": await _facts(store, key, decimals),
        "transitions": [documents.move(one) for one in await store.transitions(key)],
        "exceptions": documents.items(await _items(store, key), now_ms, decimals),
        "actions": actions,
        "choices": fitting,
    }


async def _actions(store: Store, key: PaymentKey, decimals: Mapping[str, int]) -> list[Document]:
    """Write what people did to a payment, and which of it was withdrawn."""
    done = await store.cases.actions(key)
    void = await _void(store, {event_key(one.key) for one in done})
    return [
        documents.action(one, decimals, is_withdrawn=event_key(one.key) in void) for one in done
    ]


async def _facts(store: Store, key: PaymentKey, decimals: Mapping[str, int]) -> list[Document]:
    """Write what was stated of a payment, and which of it no longer counts."""
    told = await store.statements(key)
    void = await _void(store, {one.event for one in told})
    return [documents.statement(one, decimals, is_void=one.event in void) for one in told]


async def _void(store: Store, events: Collection[EventKey]) -> set[EventKey]:
    """Return those events that are void."""
    marks = await store.marks(events)
    return {key for key, said in marks.items() if said and said[-1].judgement is Judgement.VOID}


async def _items(store: Store, key: PaymentKey) -> Sequence[Item]:
    subject = subject_of(key)
    still = await store.cases.items(ItemFilter(subject=subject), None, ITEMS_MAX)
    closed = ItemFilter(is_open=False, subject=subject)
    return [*still, *await store.cases.items(closed, None, ITEMS_MAX)]


def payment_lines(told: Document) -> Iterator[str]:
    """Write a payment for a person."""
    yield f"payment {told['payment']}"
    yield f"  {told['label']}, version {told['version']}, since {told['since']}"
    for name, amounts in told["amounts"].items():
        if amounts:
            yield f"  {name:<12} {documents.amounts_text(amounts)}"
    yield f"  {'books':<12} {told['posting']}"
    for name, instant in told["milestones"].items():
        if instant:
            yield f"  {name + ' at':<12} {instant}"
    yield "facts (* the first to state it)"
    yield from (f"  {_fact(one)}" for one in told["facts"])
    yield "history"
    yield from (f"  {_move(one)}" for one in told["transitions"])
    if told["exceptions"]:
        yield "exceptions"
        yield from (f"  {_item(one)}" for one in told["exceptions"])
    if told["actions"]:
        yield "what people did"
        yield from (f"  {_action(one)}" for one in told["actions"])
    yield from _decidable(told)


def _decidable(told: Document) -> Iterator[str]:
    """Say what can be done about it."""
    if told["state"] == Kept.PARKED:
        yield f"parked since {told['since']}: announce it with `sealgate payments expect`"
    elif told["state"] == Kept.DEPOSIT:
        yield "whose it is, is decided with `sealgate deposits`"
    else:
        yield "what can be decided (each with --dry-run first)"
        yield from (f"  {_choice(one)}" for one in told["choices"])


def item(configuration: Configuration, text: str, *, as_json: bool) -> int:
    """Print one exception; return the exit code."""

    async def ask(store: Store) -> Document:
        number = words.item_number(text)
        found = await store.cases.item(number)
        if found is None:
            raise Unknown(f"there is no exception {text}: `sealgate exceptions list` shows them")
        decimals = assets.load().decimals
        return {
            "format": "sealgate.exception/1",
            **documents.item(found, telemetry.now_ms(), decimals),
            "later_evidence": [
                documents.evidence(one) for one in await store.cases.evidence(number)
            ],
            "actions": [
                documents.action(one, decimals) for one in await store.cases.actions(number)
            ],
            "how_it_is_worked": documents.resolution_of(found.anomaly.code),
        }

    return answer(configuration, ask, item_lines, as_json=as_json)


def item_lines(told: Document) -> Iterator[str]:
    """Write an exception for a person."""
    yield f"exception {told['exception']}  {told['code']}  {told['subject']}"
    whose = f"assigned to {told['assignee']}" if told["assignee"] else "assigned to nobody"
    yield f"  {told['status']}, severity {told['severity']}, version {told['version']}, {whose}"
    yield f"  owner       {told['owner']}"
    yield f"  opened      {told['opened_at']}, {told['age']} old, raised {told['times']} times"
    if told["reopened"]:
        yield f"  reopened    {told['reopened']} times before"
    if told["at_risk"]:
        yield f"  at risk     {documents.amounts_text([told['at_risk']])}"
    if told["next_check_at"]:
        yield f"  look again  {told['next_check_at']}"
    yield f"  evidence    {told['evidence']}"
    yield from (
        f"  and later   {one['evidence']}, at {one['at']}" for one in told["later_evidence"]
    )
    if told["event"]:
        yield f"  told by     {told['event']}"
    if told["how_it_is_worked"]:
        yield f"  how         {told['how_it_is_worked']}"
        yield f"  runbook     docs/runbooks/{runbooks.CODES[Code(told['code'])].page}.md"
    if told["closed_at"]:
        by = f" by {told['resolved_by']}" if told["resolved_by"] else ""
        agreed = f", approved by {told['approved_by']}" if told["approved_by"] else ""
        yield f"  closed      {told['closed_at']}{by}{agreed}: {told['resolution']}"
    if told["actions"]:
        yield "what people did"
        yield from (f"  {_action(one)}" for one in told["actions"])


def _fact(told: Document) -> str:
    mark = "*" if told["is_first"] else " "
    amount = documents.amounts_text([told]) if told["atomic"] is not None else ""
    said = " ".join(given(told, "kind", "transfer", "detail"))
    adjectives = [name for name in ("whole", "late") if told[name]]
    until = [f"until {told['expires_at']}"] if told["expires_at"] else []
    parts = [said, amount, *adjectives, *given(told, "at"), *until]
    end = "; VOID, does not count" if told["is_void"] else ""
    return f"{mark} {' '.join(part for part in parts if part)}, by {told['event']}{end}"


def _move(told: Document) -> str:
    arrow = f"{told['before'] or '(none)'} -> {told['after']}"
    by = ", ".join(given(told, "mapping", "policy"))
    rules = f" ({by})" if by else ""
    why = documents.cause_text(told["cause"], told["event"])
    return f"move {told['version']} {arrow} at {told['at']}: {why}, by {told['event']}{rules}"


def _item(told: Document) -> str:
    end = f": {told['resolution']}" if told["resolution"] else f", {told['age']} old"
    return f"{told['exception']} {told['code']} {told['status']}, severity {told['severity']}{end}"


def _action(told: Document) -> str:
    agreed = f", approved by {told['approved_by']}" if told["approved_by"] else ""
    about = f" {told['about']}" if told["about"] else ""
    who = f"{told['by']} ({told['role']}{agreed})"
    end = "; WITHDRAWN" if told["is_withdrawn"] else ""
    why = f"{told['reason']}, {told['note']}"
    return f"{told['at']} {told['command']}{about} by {who}: {why}, as {told['key']}{end}"


def _choice(told: Document) -> str:
    roles = ", ".join(told["roles"]) or "anybody"
    second = f"; a second person {told['second_person']}" if told["second_person"] else ""
    return f"sealgate {told['command']}: {told['meaning']} ({roles}{second})"
