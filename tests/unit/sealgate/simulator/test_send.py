"""`sealgate send`, as far as it needs no gateway: wrong usage, and words for answers."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ingress import providers, telemetry
from ingress.delivery import Delivery
from sealgate.simulator.new_key import run as run_new_key
from sealgate.simulator.send import Shipment, parameters, report, send, send_on
from sealgate.simulator.wire import Answer
from tests.support.simulated import KIDS, PARAMETERS, new_key_of, simulated

NOWHERE = "http://127.0.0.1:1/hooks/x"


@pytest.fixture(name="key")
def _key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("a-secret-that-nobody-may-see\n")
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"provider": "btcpy"}, ["did you mean 'btcpay' or", "`sealgate providers list`"]),
        ({"event": "paid"}, ["created (InvoiceCreated)", "confirmed (InvoiceSettled)"]),
        ({"key_file": Path("no/such/key")}, ["no/such/key", "No such file"]),
        ({"parameters": ("hash",)}, ["--parameter 'hash'", "name=value"]),
        ({"parameters": ("hash=md5",)}, ["takes no parameters"]),
        ({"url": "shop"}, ["'shop' is no URL", "http://host:port/hooks/name"]),
        ({"url": "ftp://x/y"}, ["'ftp://x/y' is no URL"]),
        ({"body": Path("no/such/body")}, ["no/such/body", "No such file"]),
        ({"body": Path("x"), "event": "seen"}, ["leave out --event"]),
        ({"provider": "alchemy", "event": "paid"}, ["no sample event 'paid'", "test", "--body"]),
        ({"key_file": None}, ["--key-file is needed", "the secret", "sealgate new-key btcpay"]),
        ({"provider": "wise", "key_file": None}, ["private key (PEM)", "new-key wise"]),
        ({"provider": "wise"}, ["--key-file", "no private key; expected an RSA private key"]),
        ({"provider": "bitpay"}, ["signs nothing", "leave out --key-file"]),
        ({"provider": "braintree"}, ["'public_key' is needed", "--parameter name=value"]),
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
    assert "nobody-may-see" not in shown.err


def test_one_after_the_other_is_sent_whatever_becomes_of_each(
    key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A simulator beside a stack goes on while the edge starts anew, until a person ends it."""
    waits: list[float] = []

    def wait(every_s: float) -> None:
        waits.append(every_s)
        if len(waits) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_on(Shipment(NOWHERE, "btcpay", key), 2.0, wait)
    assert waits == [2.0, 2.0, 2.0]
    assert capsys.readouterr().err.count("Is Sealgate running?") == 3


def test_what_can_never_be_sent_is_not_tried_again(key: Path) -> None:
    """A misspelt provider is the same in two seconds."""
    shipment = Shipment(NOWHERE, "btcpy", key)
    assert send_on(shipment, 2.0, lambda _: pytest.fail("it waited")) == 2


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
    assert ("`sealgate quarantine show 0190-c`" in lines) is (status in {401, 503})


def test_a_provider_without_a_key_needs_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A hint is signed by nobody: only the missing listener stands in the way."""
    assert send(Shipment(NOWHERE, "bitpay")) == 69
    assert "Is Sealgate running?" in capsys.readouterr().err


def test_the_url_that_was_signed_is_told_where_one_is() -> None:
    """The commonest mistake with such a provider is a URL that differs by a letter."""
    answer = Answer(401, "", b"", 0.004)
    lines = "\n".join(report(providers.load("square"), "test", "", answer, "https://a.example/x"))
    assert "https://a.example/x" in lines
    assert "public_url" in lines
    others = "\n".join(report(providers.load("stripe"), "seen", "", answer, "https://a.example/x"))
    assert "a.example" not in others


@dataclass
class Receiver:
    """A real HTTP server that keeps the requests it got."""

    url: str = ""
    deliveries: list[Delivery] = field(default_factory=list)


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = tuple((k.lower().encode(), v.encode()) for k, v in self.headers.items())
            query = self.path.partition("?")[2].encode()
            now_ms = telemetry.now_ms()
            receiver.deliveries.append(
                Delivery("s", self.command, query, headers, body, now_ms, URL)
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks/x?tenant=7&note=%7Ea%2Fb"
    thread = Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


URL = "https://hooks.example/payments?tenant=7"


@pytest.mark.parametrize("provider", providers.names())
def test_what_arrives_over_http_verifies(
    provider: str, receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way: typed, read from a key file, signed, sent, and the very bytes verified."""
    given = PARAMETERS.get(provider, {})
    one = simulated(provider)
    verifying = one.keys
    file = None
    if one.profile.is_signed:
        file = tmp_path / "key"
        file.write_text(new_key_of(one.profile).sender)
        verifying = (one.profile.key(new_key_of(one.profile).gateway.encode()),)
    shipment = Shipment(
        receiver.url,
        provider,
        file,
        reference="pay-7",
        parameters=tuple(f"{name}={value}" for name, value in given.items()),
        kid=KIDS.get(provider, ""),
        registered_url=URL,
    )
    assert send(shipment) == 0, capsys.readouterr().err
    (delivery,) = receiver.deliveries
    assert one.profile.verify(delivery, verifying) == 0
    assert delivery.query.startswith(b"tenant=7&note=%7Ea%2Fb")


def test_a_body_from_a_file_is_the_query_of_a_get(receiver: Receiver, tmp_path: Path) -> None:
    """The content of a provider that calls with GET is its query, whatever the flag is called."""
    (tmp_path / "key").write_text("the-secret")
    (tmp_path / "query").write_text("txid=t&addr=a&status=2\n")
    shipment = Shipment(receiver.url, "blockonomics", tmp_path / "key", body=tmp_path / "query")
    assert send(shipment) == 0
    (delivery,) = receiver.deliveries
    assert delivery.method == "GET"
    assert b"&txid=t&addr=a&status=2&secret=the-secret" in delivery.query


def test_a_hint_is_not_called_verified() -> None:
    """Nothing was."""
    answer = Answer(200, "", b"", 0.004)
    lines = "\n".join(report(providers.load("bitpay"), "test", "", answer))
    assert "taken as a hint" in lines
    assert "verified" not in lines


@pytest.mark.parametrize(("name", "is_told"), [("stripe", False), ("wise", True)])
def test_whoever_waits_for_a_payment_hears_that_none_will_move(name: str, *, is_told: bool) -> None:
    """Accepted, and then nothing: the longest search of all."""
    answer = Answer(200, "", b"", 0.004)
    lines = "\n".join(report(providers.load(name), "test", "pay-1", answer))
    assert ("they move no payment yet" in lines) is is_told


def test_a_profile_of_ones_own_is_sent_by_its_path_or_its_name(
    receiver: Receiver, key: Path, tmp_path: Path
) -> None:
    """Who wrote one wants to see it work before anything else."""
    own = tmp_path / "providers"
    own.mkdir()
    text = (Path(providers.__file__).parent / "github.toml").read_text()
    (own / "mine.toml").write_text(text)
    assert send(Shipment(receiver.url, str(own / "mine.toml"), key)) == 0
    assert send(Shipment(receiver.url, "mine", key, own=own)) == 0
    assert send(Shipment(receiver.url, "mine", key)) == 2
    assert run_new_key("mine", tmp_path / "new", own=own) == 0
    profile = providers.load("github")
    held = profile.key(key.read_bytes().strip())
    assert [profile.verify(one, [held]) for one in receiver.deliveries] == [0, 0]


@pytest.mark.parametrize(("provider", "is_told"), [("stripe", True), ("btcpay", False)])
def test_a_success_is_not_promised_to_be_published(provider: str, is_told: bool) -> None:
    """A sample that says test is answered 200 by a live environment, and goes nowhere."""
    answer = Answer(200, "", b"", 0.004)
    lines = "\n".join(report(providers.load(provider), "seen", "", answer))
    assert ("published to nobody" in lines) is is_told
