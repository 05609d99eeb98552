"""`sealgate send`, as far as it needs no gateway: wrong usage, and words for answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingress import providers
from sealgate.simulator.send import Shipment, parameters, report, send
from sealgate.simulator.wire import Answer

NOWHERE = "http://127.0.0.1:1/hooks/x"


@pytest.fixture(name="key")
def _key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("a-secret-that-nobody-may-see\n")
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"provider": "btcpy"}, ["did you mean 'btcpay'", "stripe", "kobbopay"]),
        ({"event": "paid"}, ["created (InvoiceCreated)", "confirmed (InvoiceSettled)"]),
        ({"key_file": Path("no/such/key")}, ["no/such/key", "No such file"]),
        ({"parameters": ("hash",)}, ["--parameter 'hash'", "name=value"]),
        ({"parameters": ("hash=md5",)}, ["takes no parameters"]),
        ({"url": "shop"}, ["'shop' is no URL", "http://host:port/hooks/name"]),
        ({"url": "ftp://x/y"}, ["'ftp://x/y' is no URL"]),
        ({"body": Path("no/such/body")}, ["no/such/body", "No such file"]),
        ({"body": Path("x"), "event": "seen"}, ["leave out --event"]),
    ],
)
def test_wrong_usage_is_2_and_says_what_to_do(
    change: dict[str, Any], said: list[str], key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever types this has a provider's dashboard open and no time."""
    assert send(replace(Shipment(NOWHERE, "btcpay", key), **change)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(words in shown.err for words in said), shown.err


def test_nobody_listening_is_69(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script can tell "not running" from "refused"."""
    assert send(Shipment(NOWHERE, "btcpay", key)) == 69
    shown = capsys.readouterr().err
    assert "127.0.0.1" in shown
    assert "Is Sealgate running?" in shown
    assert "nobody-may-see" not in shown


def test_an_empty_key_file_is_named_and_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty secret would sign, and nobody would know with what."""
    (tmp_path / "empty").write_text("\n")
    assert send(Shipment(NOWHERE, "btcpay", tmp_path / "empty")) == 2
    assert "empty" in capsys.readouterr().err


def test_parameters_are_read_with_their_type() -> None:
    """A window is a number; a header's name is not; a value may hold an equals sign."""
    words = ("window_s=60", "header=X-Sig", "prefix=sha256=")
    assert parameters(words) == {"window_s": 60, "header": "X-Sig", "prefix": "sha256="}


@pytest.mark.parametrize(
    ("provider", "status", "said"),
    [
        ("btcpay", 200, "durable in the log"),
        ("stripe", 401, "did not verify"),
        ("btcpay", 503, "did not verify"),
        ("stripe", 503, "not now"),
        ("stripe", 404, "no source has this name"),
        ("stripe", 413, "body_bytes_max"),
        ("stripe", 418, "is this address Sealgate's edge?"),
    ],
)
def test_an_answer_is_explained(provider: str, status: int, said: str) -> None:
    """The edge tells a stranger nothing; who holds the key may know what the status means."""
    answer = Answer(status, "0190-c", b"", 0.004)
    lines = "\n".join(report(providers.load(provider), "seen (word)", "pay-1", answer))
    assert said in lines
    assert "0190-c" in lines
    assert "pay-1" in lines
