"""One kept delivery is shown as far as it is safe to, and its failure is explained."""

import base64
import io
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ingress import sealing
from ingress.settings import QuarantineSettings
from sealgate.quarantine.command import Means, show
from tests.support.gateway import NEW_SECRET, OLD_SECRET
from tests.support.quarantined import LATER_MS, Ground, kept, number, refused

CANARY = "canary-of-another-door-4711"
BODY = b'{"type":"InvoiceSettled","customer":"canary-customer"}'


@pytest.fixture(name="ground")
def _ground(tmp_path: Path) -> Ground:
    ground = Ground(tmp_path)
    ground.source("shop", "btcpay", {"k1": OLD_SECRET})
    return ground


def _show(
    ground: Ground, count: int = 1, body: Path | None = None, *, raw: bool = False
) -> tuple[int, str]:
    out = io.StringIO()
    means = Means(ground.write(), {}, lambda: LATER_MS, out)
    code = show(means, number(count), body, raw=raw)
    return code, out.getvalue()


def test_what_is_known_is_shown_and_why_it_fails_is_explained(ground: Ground) -> None:
    """The cause is what is looked for: here the source holds another key than the sender."""
    ground.source("till", "btcpay", {"k1": NEW_SECRET})
    ground.keep(kept(refused(BODY, NEW_SECRET)))
    code, told = _show(ground)
    assert code == 0
    assert f"id         {number(1)}" in told
    assert "received   2026-01-01 00:00:00 UTC" in told
    assert "source     shop (btcpay, account default)" in told
    assert "none of the keys made this signature" in told
    assert f"body       {len(BODY)} bytes" in told
    assert "Today: still refused because no_matching_signature" in told
    assert "tried 'k1'" in told


def test_what_would_verify_today_says_so(ground: Ground) -> None:
    """After the key was added, one look tells that it was the key."""
    ground.keep(kept(refused(BODY)))
    code, told = _show(ground)
    assert code == 0
    assert "Today: would be published as " in told
    assert "VALID: signed with the key 'k1'" in told


def test_an_accident_on_the_way_is_named(ground: Ground) -> None:
    """The machinery of `sealgate verify` tries what happens to bodies: here, a line end."""
    ground.keep(kept(replace(refused(BODY), body=BODY + b"\n")))
    assert "[line-end-added]" in _show(ground)[1]


@pytest.mark.parametrize(
    "name", [b"authorization", b"cookie", b"btcpay-sig", b"x-api-key", b"x-gitlab-token"]
)
def test_a_value_that_may_be_a_secret_is_hidden_unless_asked_for(
    ground: Ground, name: bytes
) -> None:
    """Nobody verified what this is: another provider's token lands here by one wrong click."""
    sent = replace(
        refused(BODY),
        query=f"token={CANARY}".encode(),
        headers=((name, CANARY.encode()), (b"user-agent", b"BTCPay/2")),
    )
    ground.keep(kept(sent))
    told = _show(ground)[1]
    # Not in part either, as the explanation of a signature would have it.
    assert CANARY[:8] not in told
    assert f"{name.decode()}: (hidden, {len(CANARY)} bytes; --raw shows it)" in told
    assert "user-agent: BTCPay/2" in told
    assert _show(ground, raw=True)[1].count(CANARY) >= 2


@pytest.mark.parametrize("raw", [False, True])
def test_a_body_and_our_keys_are_never_printed(ground: Ground, raw: bool) -> None:
    """A body names customers, and a terminal is read over shoulders and kept in logs."""
    ground.keep(kept(refused(BODY, b"guessed")))
    told = _show(ground, raw=raw)[1]
    assert "canary-customer" not in told
    assert OLD_SECRET.decode() not in told


def test_a_body_goes_into_a_new_file_of_its_owners_alone(ground: Ground) -> None:
    """To the byte, and over nothing that is there."""
    ground.keep(kept(refused(BODY)))
    file = ground.directory / "body"
    before = os.umask(0)
    try:
        assert _show(ground, body=file)[0] == 0
    finally:
        os.umask(before)
    assert file.read_bytes() == BODY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"precious")
    assert _show(ground, body=file)[0] == 1
    assert file.read_bytes() == b"precious"


def test_a_revoked_key_is_not_tried(tmp_path: Path) -> None:
    """What is explained is what would happen: by a revoked key, nothing is proven."""
    ground = Ground(tmp_path)
    ground.source("shop", "btcpay", {"k1": OLD_SECRET}, status='"revoked"')
    ground.keep(kept(refused(BODY)))
    told = _show(ground)[1]
    assert "Today: still refused because no_usable_key" in told
    assert "'k1'" not in told


def test_what_is_sealed_is_opened_and_without_its_key_what_is_known_is_shown(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record's own words are there for everybody; the delivery is for who holds the key."""
    (ground.directory / "q").write_bytes(base64.b64encode(b"q" * 32))
    settings = QuarantineSettings.model_validate({"key": [{"id": "q", "file": "q"}]})
    ground.keep(kept(refused(BODY), seals=sealing.seals(settings, ground.directory)))
    code, told = _show(ground)
    assert code == 1
    assert "sealed     with 'q'" in told
    assert "btcpay-sig" not in told
    assert "sealed with the key 'q', which is not configured" in capsys.readouterr().err
    ground.tables = '[[quarantine.key]]\nid = "q"\nfile = "q"'
    code, told = _show(ground)
    assert code == 0
    assert "Today: would be published" in told


def test_a_source_that_is_gone_and_an_id_that_is_not_there_are_said(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both happen: a shop closes, and an id is copied short."""
    ground.keep(kept(replace(refused(BODY), source="closed")))
    code, told = _show(ground)
    assert code == 0
    assert "the source 'closed' is not configured any more" in told
    assert _show(ground, 2) == (1, "")
    assert f"no delivery {number(2)} is kept" in capsys.readouterr().err
