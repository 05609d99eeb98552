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
from typing import NamedTuple, TextIO

from consumers.refusals import WrongWords
from consumers.stating import Refused
from consumers.store.port import Store
from ingress.contract import cloudevents
from sealgate.config import Configuration
from sealgate.drills.sheet import FORMAT
from sealgate.drills.told import Told
from sealgate.entering import Entry, enter, order_of
from sealgate.exposure.storing import with_store
from sealgate.operations.answering import occurrence, refuse
from sealgate.plain import plain

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

    @property
    def entry(self) -> Entry:
        """Say how it is entered into the audit log."""
        return Entry(NAME, PASSED if self.passed else FAILED, self.detail)


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


def run(configuration: Configuration, content: bytes, told: Told, out: TextIO) -> int:
    """Show what would be written down of a sheet, or write it; return the exit code."""
    try:
        played = read(content)
        order = None
        if told.record:
            order = order_of(told.by, told.role, told.note, told.key, configuration)
    except Refused as refused:
        return refuse(refused, as_json=False)
    environment = configuration.settings.environment
    if order is None:
        _say(out, played, f"not written: say --record to have it in the audit log of {environment}")
        return EXIT_OK

    async def use(store: Store) -> int:
        try:
            is_new = await enter(store, played.entry, order, occurrence(configuration))
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


def _is_name(text: object) -> bool:
    return isinstance(text, str) and bool(text) and cloudevents.is_attribute(text)
