"""Drills with one protection switched off: what is put in its place, and what must fail then.

A gateway in a drill is many processes, for every command is one. So that a protection is off in all
of them, it is taken away where Python starts (``sitecustomize``): nothing of the gateway knows.
`FAILS` names for each protection exactly the checks that must not hold without it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import drills_divergence, drills_duplicates
from tests.support.drills import DRILL_S, ROOT

AT_ONCE = 2
# Only in the process that plays the drill: the rest need not load it. It waits for what will not
# come, so it waits a shorter time, and the run without an attack is played by the whole drill.
_PATIENCE = """
import sys
if "drill" in sys.orig_argv:
    from functools import partial
    from sealgate.drills import compromise, leak, stage
    stage.COMMAND_S = 25.0
    for module in (compromise, leak):
        module.until = partial(stage.until, within_s=4.0)
"""
_KEY_COMPROMISE = {
    "revocation": """
from ingress.keyring import Live
Live.is_usable = lambda self, now_ms: True
""",
    "quarantine": """
from ingress.keeping import Keeper
from ingress.quarantine import Kept
async def keep(self, delivery, source, refusal):
    return Kept.OFF
Keeper.keep = keep
""",
    "publishing what was verified again": """
from sealgate.quarantine import reverify
async def released(kept, judgement, envelope, publish, clock):
    return judgement
reverify._released = released
""",
    "ledger": """
from sealgate.exposure import command
command._ledger = lambda asked: None
""",
    "void": """
from consumers import voiding
plain = voiding.void
async def void(store, marks, rim, *, dry_run):
    return await plain(store, marks, rim, dry_run=True)
voiding.void = void
""",
    "silence about secrets": """
import sys
if "drill" in sys.orig_argv:
    from ingress import secretfiles, telemetry
    plain = secretfiles.read
    def read(base, name):
        found = plain(base, name)
        telemetry.logger("edge").info("secret_read", content=found.content.decode())
        return found
    secretfiles.read = read
""",
}
_ENVIRONMENT_LEAK = {
    "evidence of the mode at the edge": """
from dataclasses import replace
from ingress import admit
from ingress.contract.envelope import Mode
plain = admit.seal
admit.seal = lambda *one, **other: replace(plain(*one, **other), mode=Mode.UNKNOWN)
""",
    "environment at the consumer": """
from consumers import reading
reading.foreign = lambda envelope, environment, mode: ""
""",
    "fingerprints": """
from sealgate import fingerprints
fingerprints.shared = lambda configuration, secrets: iter(())
""",
    "owner of the database": """
from consumers.store import postgres, schema, sqlite
for module in (postgres, schema, sqlite):
    if hasattr(module, "check_environment"):
        module.check_environment = lambda owner, environment, read: None
""",
    "refusal of a blank secret": """
from ingress import keyring, secretfiles
plain = keyring.secret_from_file_bytes
def take(raw):
    return plain(raw or b"blank")
keyring.secret_from_file_bytes = secretfiles.secret_from_file_bytes = take
""",
    "words of a host": """
from sealgate import leaks
leaks.stray_in_host = lambda name, words: ""
""",
    "environment in the path": """
from ingress.admission import PREFIX, Admission
def found(self, path):
    return self.sources.get(path[len(PREFIX) :].rpartition("/")[2])
Admission._found = found
""",
    "alarm": """
from ingress.keeping import Keeper
async def raise_alarm(self, alarm):
    return True
Keeper.raise_alarm = raise_alarm
""",
}
PROTECTIONS: Mapping[str, Mapping[str, str]] = {
    "key-compromise": _KEY_COMPROMISE,
    "environment-leak": _ENVIRONMENT_LEAK,
    "duplicate-delivery": drills_duplicates.PROTECTIONS,
    "divergence": drills_divergence.PROTECTIONS,
}
# Those that are switched off at each run of the suite; all of them by `make faults`.
SAMPLE: Mapping[str, Collection[str]] = {
    "key-compromise": ("revocation", "ledger"),
    "environment-leak": ("environment at the consumer", "alarm"),
    "duplicate-delivery": ("one effect key for the same goods", "comparison of second bodies"),
    "divergence": ("breaker", "a second person"),
}
FAILS: Mapping[str, frozenset[str]] = {
    **drills_duplicates.FAILS,
    **drills_divergence.FAILS,
    "revocation": frozenset({"revoked at once", "nothing after", "nothing lost", "reported"}),
    "quarantine": frozenset({"nothing lost", "as if never attacked"}),
    "publishing what was verified again": frozenset({"nothing lost", "as if never attacked"}),
    "ledger": frozenset({"reported", "as if never attacked"}),
    "void": frozenset({"as if never attacked"}),
    "silence about secrets": frozenset({"no secret anywhere"}),
    "evidence of the mode at the edge": frozenset(
        {"swapped endpoint URL", "testnet asset", "nothing moved", "listed"}
    ),
    "environment at the consumer": frozenset({"cloned topic", "nothing moved"}),
    "fingerprints": frozenset({"test secret in production", "production secret in the sandbox"}),
    "owner of the database": frozenset({"cloned database", "nothing moved"}),
    "refusal of a blank secret": frozenset({"blank key"}),
    "words of a host": frozenset({"sandbox address"}),
    "environment in the path": frozenset({"swapped endpoint URL"}),
    "alarm": frozenset({"swapped endpoint URL", "testnet asset", "listed"}),
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A drill without a protection: how it ended."""

    code: int
    out: str
    err: str

    @property
    def failed(self) -> set[str]:
        """The checks that did not hold."""
        sheet: Mapping[str, Any] = json.loads(self.out)
        return {check["name"] for check in sheet["checks"] if not check["holds"]}


def play_all(place: Path, names: Iterable[tuple[str, str]]) -> dict[str, Broken]:
    """Play drills, each without one protection, a few at a time."""
    asked = [(drill, off, place / str(number)) for number, (drill, off) in enumerate(names)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(lambda one: _play(*one), asked)
        return {off: broken for (_, off, _), broken in zip(asked, done, strict=True)}


def _play(drill: str, off: str, place: Path) -> Broken:
    place.mkdir()
    (place / "sitecustomize.py").write_text(PROTECTIONS[drill][off] + _PATIENCE)
    temporary = place / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", "drill", drill, "--json"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{place}:{ROOT}", "TMPDIR": str(temporary)},
        text=True,
        timeout=DRILL_S,
    )
    return Broken(done.returncode, done.stdout, done.stderr)
