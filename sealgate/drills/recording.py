"""Write down that a drill was played: in the audit log of the gateway that it was played for.

A drill has an environment of its own, which is thrown away; what it proves is about the gateway in
whose name people rehearse. So the sheet's digest, its verdict and the version that was rehearsed
become an action of that gateway, claimed under its key and named by the audit chain like any other.
Whoever is shown the sheet later can tell whether it is the one. The sheet itself is kept by people:
the chain has room for what decides, and not for stories.

Nothing is written without `record`: what would be is shown.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple, TextIO

from consumers.actions import Role
from consumers.operating import ACCOUNT, NOWHERE, Occurrence
from consumers.refusals import WrongWords, check_names
from consumers.stating import OURSELVES, KeyReused, Refused
from consumers.store.cases import Action
from consumers.store.port import Changes, Event, EventKey, Handled, Store
from ingress.contract import cloudevents
from sealgate.config import Configuration
from sealgate.drills.sheet import FORMAT
from sealgate.drills.told import Told
from sealgate.exposure.storing import with_store
from sealgate.exposure.table import plain
from sealgate.operations import words
from sealgate.operations.answering import occurrence, refuse

NAME = "drill"
PASSED, FAILED = "drill_passed", "drill_failed"
EXIT_OK = 0
NO_SHEET = "it is no evidence sheet of a drill: name the evidence.json that --output keeps"


class Played(NamedTuple):
    """What is kept of a sheet. `sheet` is the SHA-256 of its bytes."""

    drill: str
    environment: str
    version: str
    passed: bool
    held: int
    checks: int
    sheet: str

    @property
    def detail(self) -> str:
        """Write it as it is kept."""
        return json.dumps(self._asdict(), sort_keys=True)


class Order(NamedTuple):
    """Who has it written down, as what, and under which key."""

    by: str
    role: Role
    note: str
    key: str
    approved_by: str = ""


def read(content: bytes) -> Played:
    """Read a sheet's JSON. Raises `WrongWords` for what is none, or contradicts itself."""
    try:
        told = json.loads(content)
        names = [told["drill"], told["environment"], told["version"]]
        held = [one["holds"] for one in told["checks"]]
        is_known = told["format"] == FORMAT and all(map(_is_name, names)) and bool(held)
    except (ValueError, KeyError, TypeError):
        raise WrongWords(NO_SHEET) from None
    if not is_known:
        raise WrongWords(NO_SHEET)
    if told["passed"] is not all(one is True for one in held):
        raise WrongWords("the sheet's verdict is not that of its checks: it was changed by hand")
    digest = hashlib.sha256(content).hexdigest()
    return Played(
        drill=told["drill"],
        environment=told["environment"],
        version=told["version"],
        passed=told["passed"],
        held=held.count(True),
        checks=len(held),
        sheet=f"sha256:{digest}",
    )


def order_of(told: Told, configuration: Configuration) -> Order:
    """Read who has it written down. Raises `Refused`."""
    role = next((one for one in Role if one == told.role.strip().lower()), None)
    if role is None:
        raise WrongWords(f"--role: one of {', '.join(Role)}")
    order = Order(told.by, role, told.note, told.key)
    for name, text in (("by", order.by), ("note", order.note), ("key", order.key)):
        if not text.strip() or not cloudevents.is_attribute(text):
            raise WrongWords(f"--{name}: say it in one line of printable characters; it is kept")
    check_names(order.by, "")
    words.check_people(order, configuration.settings.operators.people)
    return order


async def record(store: Store, played: Played, order: Order, now: Occurrence) -> bool:
    """Write it down, once for ever; say whether it was new. Raises `KeyReused`."""
    event = _event(played, order, now)
    with suppress(_Repeated):
        async with store.transaction() as tx:
            if not await tx.claim([event]):
                if (await tx.digests([event.key]))[event.key] != event.body_digest:
                    raise KeyReused(f"another command was done as {order.key}: choose another key")
                raise _Repeated
            action = _action(played, order, now.at_ms)
            came = {event.key: Handled("applied_no_change")}
            await tx.save(Changes(verdicts=came, actions=[action]))
        return True
    return False


class _Repeated(Exception):
    """Leaves a transaction in which nothing is new."""


def run(configuration: Configuration, content: bytes, told: Told, out: TextIO) -> int:
    """Show what would be written down of a sheet, or write it; return the exit code."""
    try:
        played = read(content)
        order = order_of(told, configuration) if told.record else None
    except Refused as refused:
        return refuse(refused, as_json=False)
    environment = configuration.settings.environment
    if order is None:
        _say(out, played, f"not written: say --record to have it in the audit log of {environment}")
        return EXIT_OK

    async def use(store: Store) -> int:
        try:
            is_new = await record(store, played, order, occurrence(configuration))
        except Refused as refused:
            return refuse(refused, as_json=False)
        how = "written" if is_new else "written before"
        _say(out, played, f"{how}: in the audit log of {environment}, as {order.key}")
        return EXIT_OK

    return with_store(configuration, use, writes=True)


def lines(played: Mapping[str, object]) -> Iterator[str]:
    """Write for people what is kept of a sheet."""
    word = "passed" if played["passed"] else "FAILED"
    yield f"drill       {played['drill']}: {word}, {played['held']} of {played['checks']} checks"
    yield f"played      in {played['environment']}, by version {played['version']}"
    yield f"sheet       {played['sheet']}"


def _say(out: TextIO, played: Played, last: str) -> None:
    for line in (*lines(played._asdict()), last):
        print(plain(line), file=out)


def _event(played: Played, order: Order, now: Occurrence) -> Event:
    """Make the event that it is claimed as."""
    told = json.dumps([*map(str, order), played.detail])
    return Event(
        key=EventKey(OURSELVES, ACCOUNT, order.key),
        event_type=f"{ACCOUNT}.{NAME}",
        source=OURSELVES,
        reference="",
        key_id="",
        assurance="",
        correlation_id=now.correlation_id,
        body_digest="sha256:" + hashlib.sha256(told.encode()).hexdigest(),
        received_ms=now.at_ms,
        position=NOWHERE,
        mode=now.mode,
    )


def _action(played: Played, order: Order, at_ms: int) -> Action:
    """Write down who rehearsed what, and what came of it."""
    return Action(
        key=order.key,
        name=NAME,
        payment=None,
        item=None,
        by=order.by,
        role=str(order.role),
        approved_by="",
        reason=PASSED if played.passed else FAILED,
        note=order.note,
        detail=played.detail,
        at_ms=at_ms,
    )


def _is_name(text: object) -> bool:
    return isinstance(text, str) and bool(text) and cloudevents.is_attribute(text)
