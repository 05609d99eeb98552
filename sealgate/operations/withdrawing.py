"""Do a withdrawal, and tell what follows from it: also what was delivered meanwhile.

What a wrong command made true for a while was told downstream. A withdrawal takes none of that
back: it tells anew what is so. So its answer lists what had gone out since the command, for people
to follow up: goods that were shipped, entries that were posted.
"""

from collections.abc import Iterator

from consumers import standing
from consumers.actions import Act
from consumers.interpret import assets
from consumers.notices import TYPE_PREFIX
from consumers.operating import check
from consumers.stating import Refused
from consumers.store.port import PaymentKey, Store
from consumers.voiding import Correction
from consumers.weighing import Terms
from consumers.withdrawing import Withdrawer, Withdrawn
from sealgate.config import Configuration
from sealgate.exposure import addresses
from sealgate.exposure.gather import outbox
from sealgate.exposure.instants import show
from sealgate.operations import documents, words
from sealgate.operations.answering import Document, answer, head, last, occurrence, refuse
from sealgate.operations.asked import Decision
from sealgate.policies import policy_of


def withdraw(configuration: Configuration, key: str, said: Decision) -> int:
    """Withdraw the command that was given under a key; return the exit code."""
    operators = configuration.settings.operators
    try:
        order = words.payment_order_of(Act.WITHDRAW, said)
        words.check_people(order, operators.people)
        check(order)
        limits = words.limits_of(operators.alone_up_to, assets.load())
    except Refused as refused:
        return refuse(refused, as_json=said.json)

    async def ask(store: Store) -> Document:
        desk = Withdrawer(store, policy_of(configuration), limits, occurrence(configuration))
        done = await desk.do(order, key, dry_run=said.dry_run)
        return {
            "format": "sealgate.withdrawal/1",
            **head(order, said, is_repeat=done.is_repeat),
            **await _outcome(store, done, configuration),
        }

    return answer(configuration, ask, _lines, as_json=said.json, writes=True)


async def _outcome(store: Store, done: Withdrawn, configuration: Configuration) -> Document:
    """Say what follows for the payment, and what was told downstream since the command."""
    policy, decimals = policy_of(configuration), assets.load().decimals
    key = done.action.payment
    if key is None:
        return {}
    told: Document = {
        "withdrawn": documents.action(done.action, decimals),
        "payment": addresses.write(key),
        "meanwhile": await _meanwhile(store, key, done),
    }
    one = done.correction
    if one is None:
        found = await store.payment(key)
        now = None if found is None else documents.payment(found, policy, decimals)
        return {**told, "before": now, "after": now}
    return {
        **told,
        "before": documents.payment(one.before, policy, decimals),
        "after": documents.payment(one.after, policy, decimals),
        "notice": documents.notice(done.changes, key),
        "raised": sorted({each.code for each in done.changes.anomalies}),
        "resolved": _ended(one, done, policy.terms),
        "holds": sorted(standing.holds(one.after.facts)),
    }


def _ended(one: Correction, done: Withdrawn, terms: Terms) -> list[str]:
    """Name the exceptions that end, of those that the facts were reason for before."""
    known = {each.code for each in standing.concerns(one.before.state, one.before.facts, terms)}
    return sorted({each.code for each in done.changes.resolved} & known)


async def _meanwhile(store: Store, key: PaymentKey, done: Withdrawn) -> list[Document]:
    """List what was told of the payment since the command: by its own move, and by later ones."""
    own = None if done.correction is None else done.correction.transition
    waiting = await outbox(store)
    return [
        {
            "version": move.version,
            "notice": TYPE_PREFIX + move.after.lower(),
            "at": show(move.at_ms),
            "fate": waiting.fate(key, move.version),
        }
        for move in await store.transitions(key)
        if move.at_ms >= done.action.at_ms and (own is None or move.version < own.version)
    ]


def _lines(told: Document) -> Iterator[str]:
    command = told["withdrawn"]
    yield f"payment {told['payment']}"
    yield f"  command  {command['command']}, as {command['key']}"
    yield f"  given    by {command['by']} ({command['role']}), at {command['at']}"
    before, after = told["before"], told["after"]
    if told["is_repeat"]:
        yield f"  {after['label']}, version {after['version']}"
        yield f"nothing was written: {command['key']} was withdrawn before, as {told['key']}"
        return
    yield f"  state    {before['label']} -> {after['label']}"
    yield f"  version  {before['version']} -> {after['version']}"
    yield f"  books    {before['posting']} -> {after['posting']}"
    for name in ("resolved", "raised"):
        if told[name]:
            yield f"  {name:<8} {', '.join(told[name])}"
    yield f"  notice   {told['notice'] or 'none: nothing that downstream acts upon is another'}"
    for one in told["meanwhile"]:
        yield f"  told     {one['notice']}, version {one['version']}, at {one['at']}: {one['fate']}"
    if told["meanwhile"]:
        yield "           what was done downstream because of these, people must follow up"
    yield last(told)
