"""Close a month: ask whether it can be, enter it into the audit chain, and write its package.

The package is an export, the ageing of the queue, who approved, and a signed checkpoint of the
chains from behind the close. First the close is entered, with the digest of the manifest, then the
checkpoint is written, then the folder. Broken off in between, the month is closed and the package
is not there: the same command again makes the same package, as of the same entries.
"""

import asyncio
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from consumers import business_days, colleagues
from consumers.actions import Role
from consumers.ageing import Aged, Ageing
from consumers.ageing import Closed as Ended
from consumers.operating import Occurrence
from consumers.refusals import ApprovalRequired, NotAllowed, WrongWords
from consumers.stating import Refused
from consumers.store.auditing import Auditing
from consumers.store.port import Store
from sealgate.audit import folder as checkpoint_files
from sealgate.audit.checkpoints import Unsound
from sealgate.audit.keeping import Desk
from sealgate.config import Configuration
from sealgate.entering import Order, enter, order_of
from sealgate.exports import closes, folder, making, reading, vouching, wanting
from sealgate.exports.asked import ToClose
from sealgate.exports.blockers import Blocker, Health, blockers
from sealgate.exports.closes import Approvals
from sealgate.exports.kept import AGEING, APPROVALS, CHECKPOINT
from sealgate.exports.making import MANIFEST, Made, digest
from sealgate.exports.periods import Closed, Period
from sealgate.exports.queue import Item
from sealgate.exports.recorded import Recorded
from sealgate.operations import ageing, ageing_sheet, words
from sealgate.operations.answering import Document

# Several processes may play the monitor, and each writes a checkpoint an hour.
TRIES = 5


class ClosedOtherwise(Refused):
    """The month is closed, and what would be written now is not what was closed."""

    code = "closed_otherwise"


class Unplaced(OSError):
    """The month was closed, and its package could not be written: the same command again."""


class Blocked(Exception):
    """Something is in the way."""

    def __init__(self, found: list[Blocker]) -> None:
        super().__init__(f"{len(found)} blockers")
        self.found = found


@dataclass(frozen=True, slots=True)
class Package:
    """A package as it is to be written, and whether the month was closed before."""

    made: Made
    files: dict[str, bytes]
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Closing:
    """One close of one month."""

    configuration: Configuration
    asked: ToClose
    period: Period
    desk: Desk
    order: Order
    now: Occurrence

    @property
    def environment(self) -> str:
        """Return whose books they are."""
        return self.configuration.settings.environment

    async def run(self, store: Store) -> Package:
        """Close it, or make the package of a month that is closed again.

        Raises `Blocked`, `Refused`, `Unsound`, `OSError` and `StoreUnavailable`.
        """
        key = closes.key_of(self.period.name)
        async with store.auditing() as moment:
            recorded = await reading.read(moment, self.environment)
            closed = closes.closed_of(recorded)
            before = next((one for one in closed if one.key == key), None)
            if before is not None:
                approvals = closes.approvals_of(recorded, key)
                recorded = await reading.read(moment, self.environment, before.as_of)
                package = self._package(recorded, closes.closed_of(recorded), approvals)
                _check_same(before, package)
            else:
                health = await self._health(moment)
                package = self._package(recorded, closed, self._approvals())
                found = blockers(package.made, health, self.period, closed, self.now.at_ms)
                if found:
                    raise Blocked(found)
        if before is None:
            await self._enter(store, recorded, package)
        try:
            files = {**package.files, CHECKPOINT: await self._checkpoint(store)}
            await asyncio.to_thread(folder.place, self.asked.out, files)
        except OSError as wrong:
            raise Unplaced(
                f"{self.period.name} is in the audit chain for ever, and its package is not"
                f" written: {wrong}. Mend that, or name another --out, and do the same again"
            ) from wrong
        return Package(package.made, files, before is not None)

    def _package(self, recorded: Recorded, closed: list[Closed], approvals: Approvals) -> Package:
        terms = wanting.terms_of(self.configuration, self.period, closed)
        made = making.make(recorded, terms)
        sheet = ageing_sheet.sheet(self._ageing(made.items, terms)).encode()
        beside = {AGEING: sheet, APPROVALS: making.written(approvals._asdict())}
        close = {
            "key": closes.key_of(self.period.name),
            "files": [
                {"name": name, "sha256": digest(one).removeprefix("sha256:")}
                for name, one in beside.items()
            ],
        }
        files = {**beside, **made.sealed(close=close)}
        return Package(made, files, is_repeat=False)

    def _ageing(self, items: list[Item], terms: making.Terms) -> Document:
        """Count what was open at the end of the month, and what was closed in it."""
        to_ms = self.period.to_ms
        begin_ms = business_days.period_begin(to_ms - 1, ZoneInfo(self.period.zone))
        counted, ended = Ageing(to_ms, begin_ms), Ended(self.period.from_ms, to_ms)
        for one in items:
            aged = Aged(
                one.code,
                one.subject,
                one.opened_ms,
                one.asset or "",
                one.amount,
                one.closed_ms,
                bool(one.by),
            )
            counted.add(aged)
            ended.add(aged)
        return ageing.document(counted, ended, ageing.DIMENSIONS, self.environment, terms.decimals)

    async def _health(self, moment: Auditing) -> Health:
        """Verify the chains and the tables, and look whether anything is frozen."""
        public = self.desk.key.public_key()
        problems = await vouching.problems(moment, self.configuration, public)
        words_ = [row async for row in moment.rows("freeze_word")]
        last = max(words_, key=lambda row: int(str(row[0])), default=None)
        frozen = str(last[2]) if last is not None and last[1] else None
        return Health(problems, frozen)

    def _approvals(self) -> Approvals:
        asked = self.asked
        second = asked.second_role.strip().lower()
        return Approvals(self.order.by, str(self.order.role), asked.second, second, asked.note)

    async def _enter(self, store: Store, recorded: Recorded, package: Package) -> None:
        name = digest(package.files[MANIFEST])
        second_role = self._approvals().second_role
        entry = closes.entry_of(self.period, recorded.as_of, name, second_role)
        await enter(store, entry, self.order, self.now)

    async def _checkpoint(self, store: Store) -> bytes:
        """Write a checkpoint that has seen the close. Raises `Unsound`.

        One that another process wrote just now may have been made before it.
        """
        for _ in range(TRIES):
            path, _, _ = await self.desk.write(store, self.now.at_ms)
            if path is not None:
                return await asyncio.to_thread(checkpoint_files.read, path)
        raise Unsound("the month is closed, and others keep writing checkpoints: once more")


def begin(configuration: Configuration, asked: ToClose, now: Occurrence, desk: Desk) -> Closing:
    """Understand a close. Raises `Refused`."""
    zone = wanting.zone_of(asked.timezone, configuration)
    period = wanting.month_of(asked.period, zone)
    if period.to_ms > now.at_ms:
        raise WrongWords(f"--period: {asked.period} is not over by the clocks of {zone}")
    wanting.check_out(asked.out)
    key = closes.key_of(period.name)
    order = order_of(asked.by, asked.role, asked.note, key, configuration)
    return Closing(configuration, asked, period, desk, _approved(order, asked, configuration), now)


def _approved(order: Order, asked: ToClose, configuration: Configuration) -> Order:
    """Hold the second person to be another one, in another role. Raises `Refused`."""
    if not asked.second.strip():
        raise ApprovalRequired("to close a month needs a second person: --second")
    # The second person is read as the first: a name of one line, and of the list if there is one.
    try:
        second = order_of(asked.second, asked.second_role, asked.note, order.key, configuration)
    except WrongWords as wrong:
        raise WrongWords(f"of the second person: {wrong}") from None
    if colleagues.is_same(order.by, second.by):
        raise ApprovalRequired("whoever closes cannot approve: name another person")
    if order.role is second.role:
        raise ApprovalRequired(f"both act as {order.role}: a month is closed by two roles")
    if Role.FINANCE not in {order.role, second.role}:
        raise NotAllowed("one of the two closes for finance: --role or --second-role")
    words.check_people(order, configuration.settings.operators.people)
    return order._replace(approved_by=second.by)


def _listed(name: str, content: bytes) -> Document:
    return {"name": name, "sha256": digest(content).removeprefix("sha256:")}


def _check_same(before: Closed, package: Package) -> None:
    """Refuse to write another package for a month that is closed. Raises `ClosedOtherwise`."""
    if digest(package.files[MANIFEST]) != before.package:
        raise ClosedOtherwise(
            f"{before.period} is closed with the package {before.package}, and what would be"
            " written now is another one: another version, other terms, or a changed database"
        )
