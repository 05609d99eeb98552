"""`sealgate evidence` as a person types it: the self-test is played, on the parts of a laptop.

And with a protection switched off it must say so: a self-test that cannot fail proves nothing.
"""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ingress.contract import topics
from ingress.eventlog import connect
from sealgate.evidence.acts import Actor
from sealgate.evidence.claims import CLAIMS, Proof
from sealgate.evidence.command import Asked, run
from tests.support import canary
from tests.support.exposed import CANARY, Shop, told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
SELF_TEST = {claim.name for claim in CLAIMS if claim.proof is Proof.SELF_TEST}
BREAK = (
    "import hmac, sys; hmac.compare_digest = lambda one, other: True;"
    " from sealgate.__main__ import main; main()"
)
"""Every comparison of a signature holds: the forgeries are accepted."""


@dataclass(frozen=True)
class Played:
    """One run: its exit code, its report, and where it worked."""

    code: int
    out: str
    err: str
    directory: Path

    @property
    def claims(self) -> dict[str, dict[str, Any]]:
        """Return the claims by name."""
        report = json.loads((self.directory / "kept" / "evidence.json").read_bytes())
        return {one["claim"]: one for section in report["sections"] for one in section["claims"]}


def play(directory: Path, *program: str) -> Played:
    """Prove a shop with two kinds of sources, one of which cannot be signed for."""
    shop = Shop(directory)
    lines = shop.config.read_text()
    bitpay = '[[source]]\nslug = "hints"\nprovider = "bitpay"\naccepts_hints = true\n'
    shop.config.write_text(f'{lines}{bitpay}[log]\nurl = "embedded:./log.db"\n')
    shop.apply(told("e1", "inv-1", "InvoiceSettled", at_s=1))
    (directory / "tmp").mkdir()
    make_log(directory / "log.db")
    words = ("evidence", "--config", str(shop.config), "--output", str(directory / "kept"))
    ended = subprocess.run(
        [sys.executable, *program, *words],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(directory / "tmp")},
    )
    canary.saw("evidence", ended.stdout + ended.stderr)
    return Played(ended.returncode, ended.stdout, ended.stderr, directory)


def make_log(path: Path) -> None:
    """Make the log as the first gateway would."""

    async def make() -> None:
        log = connect.connect(f"embedded://{path}")
        await log.ensure_topics({topics.verified("test"): 1, topics.quarantine("test"): 1})
        await log.close()

    asyncio.run(make())


@pytest.fixture(name="played", scope="module")
def _played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play it once: it takes seconds."""
    return play(tmp_path_factory.mktemp("evidence"), "-m", "sealgate")


def test_the_self_test_proves_its_claims(played: Played) -> None:
    """What this version does with these sources is seen, and not believed."""
    assert played.code == 3, played.err
    found = {name: played.claims[name] for name in SELF_TEST}
    assert {name: one["verdict"] for name, one in found.items()} == dict.fromkeys(
        SELF_TEST, "proven"
    ), found
    attacks = {one["what"]: one["found"] for one in found["forgeries-refused"]["looked_at"]}
    assert attacks["shop, forged signature"] == "answered 503"
    assert attacks["self-test, stale timestamp"] == "answered 401"


def test_the_report_is_one_of_its_schema(played: Played) -> None:
    """Whoever archives reports reads them by the schema, and not by our word."""
    schema = json.loads((ROOT / "deploy" / "schemas" / "evidence.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    content = (played.directory / "kept" / "evidence.json").read_bytes()
    report = json.loads(content)
    assert list(Draft202012Validator(schema).iter_errors(report)) == []
    report["sections"][0]["claims"][0]["extra"] = 1
    assert list(Draft202012Validator(schema).iter_errors(report)) != []
    assert f"`sha256:{hashlib.sha256(content).hexdigest()}`" in played.out
    assert played.out == (played.directory / "kept" / "evidence.md").read_text("utf-8")


def test_the_report_says_what_was_left_out(played: Played) -> None:
    """A source that was not tried must not look as if it had been."""
    assert "- source hints was not tried: BitPay signs nothing" in played.out
    assert "- the self-test adds self-test, a source that is not configured" in played.out


def test_the_self_test_leaves_nothing_and_shows_no_secret(played: Played) -> None:
    """It runs on the machine that has the real keys, beside the real gateway."""
    assert list((played.directory / "tmp").iterdir()) == []
    assert CANARY not in played.out + played.err
    assert played.err == ""


def test_whoever_interrupts_the_self_test_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The throw-away gateway takes the signal for itself; what is not proven is no report."""

    async def interrupted(_: Actor) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(30)

    monkeypatch.setattr(Actor, "everything", interrupted)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shop = Shop(tmp_path)
    kept = tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):
        run(shop.configuration(), Asked(output=kept))
    assert not kept.exists()
    assert list(tmp_path.glob("sealgate-evidence-*")) == []


def test_without_verification_the_self_test_fails(tmp_path: Path) -> None:
    """The forgeries are accepted now, and the report must be the one to say so."""
    played = play(tmp_path, "-c", BREAK)
    assert played.code == 3, played.err
    assert played.claims["forgeries-refused"]["verdict"] == "failed"
    assert "shop: forged signature" in played.claims["forgeries-refused"]["why"]
    assert played.claims["genuine-accepted"]["verdict"] == "proven"
