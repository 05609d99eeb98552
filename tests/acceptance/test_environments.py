"""The eight ways in which one environment leaks into another, each tried on a real gateway.

Every one must end as a refused start, or as a delivery that is published to nobody and told to
people: no transition, no notice, nothing on the verified topic.
"""

import asyncio
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from consumers.exceptions import Code
from consumers.store import connect as store_connect
from consumers.store.port import OpenItem
from ingress.contract import topics
from ingress.eventlog import connect as log_connect
from ingress.eventlog.port import LogUnavailable
from tests.support import processes

REFUSED = 78
SECRET = "whsec_9d2f61c04b"
OTHER_SECRET = "whsec_77aa10e35c"
ALCHEMY_SECRET = "whsec_b4c1"
# What is on the sandbox's shelf, and in production's by mistake.
KEY = bytes(range(1, 33)).hex()


@dataclass(frozen=True, slots=True)
class House:
    """One environment's directory: a Stripe source, an Alchemy source, a log and a database."""

    directory: Path
    environment: str = "production"
    secret: str = SECRET

    def write(self, top: str = "", log: str = "log.db", store: str = "store.db") -> Path:
        """Write the configuration and the keys."""
        self.directory.mkdir(exist_ok=True)
        (self.directory / "stripe").write_text(self.secret)
        (self.directory / "alchemy").write_text(ALCHEMY_SECRET + self.environment)
        path = self.directory / "sealgate.toml"
        path.write_text(
            f'environment = "{self.environment}"\n{top}\n'
            f'[log]\nurl = "embedded:./{log}"\npartitions = 3\n[store]\nurl = "sqlite:./{store}"\n'
            "[edge]\nport = 0\ndrain_s = 0\n[admin]\nport = 0\n"
            "[consumer]\nwait_s = 0.2\nrelay_idle_s = 0.05\nmonitor_s = 0.5\n"
            '[[source]]\nslug = "stripe"\nprovider = "stripe"\n'
            '[[source.key]]\nid = "k1"\nfile = "stripe"\n'
            '[[source]]\nslug = "alchemy"\nprovider = "alchemy"\n'
            '[[source.key]]\nid = "k1"\nfile = "alchemy"\n'
        )
        return path

    async def published(self) -> int:
        """Count what is on the verified and the lifecycle topic of this environment."""
        log = log_connect.connect(f"embedded://{self.directory / 'log.db'}")
        try:
            count = 0
            for topic in (topics.verified(self.environment), topics.lifecycle(self.environment)):
                count += sum((await log.ends(topic)).values())
            return count
        except LogUnavailable:
            return 0  # nothing was ever written
        finally:
            await log.close()

    async def mismatches(self) -> Sequence[OpenItem]:
        """Wait until the consumers have told people of a mismatch."""
        store = store_connect.connect(f"sqlite://{self.directory / 'store.db'}")
        await store.open(self.environment)
        try:
            async with asyncio.timeout(processes.WAIT_S):
                while True:
                    items = await store.list_anomalies(100)
                    if items:
                        return items
                    await asyncio.sleep(0.05)
        finally:
            await store.close()


@pytest.fixture(name="production")
def _production(tmp_path: Path) -> House:
    return House(tmp_path / "real")


def _refusal(path: Path) -> str:
    running = processes.start(path, "up")
    assert running.wait() == REFUSED
    told = running.output.read_text()
    for secret in (SECRET, OTHER_SECRET, ALCHEMY_SECRET, KEY):
        assert secret not in told
    return told


def _post(url: str, body: bytes, *headers: tuple[str, str]) -> int:
    asked = urllib.request.Request(url, data=body, headers=dict(headers))
    try:
        with urllib.request.urlopen(asked, timeout=10) as reply:
            status: int = reply.status
            return status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def _stripe(body: bytes, secret: str) -> tuple[str, str]:
    """Sign as Stripe documents it: the HMAC of the seconds, a dot and the body."""
    at = int(time.time())
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return "Stripe-Signature", f"t={at},v1={mac}"


def _charge(*, live: bool) -> bytes:
    return json.dumps(
        {
            "id": "evt_1",
            "type": "payment_intent.succeeded",
            "livemode": live,
            "data": {"object": {"id": "pi_1", "amount": 100, "amount_received": 100}},
        }
    ).encode()


@pytest.mark.slow
async def test_a_testnet_asset_and_a_sandbox_event_move_nothing_in_production(
    production: House,
) -> None:
    """Leaks 3 and 4: an endpoint registered at the wrong side, and money of a network for play.

    Both verify. Both hear success, or their providers would stop; both are told to people, and no
    record, no payment and no notice comes of them. What is ours passes beside them.
    """
    running = processes.start(production.write(), "up").wait_started().wait_ready()
    body = _charge(live=False)
    assert _post(running.edge_url + "/hooks/stripe", body, _stripe(body, SECRET)) == 200
    play = b'{"id":"whevt_1","type":"ADDRESS_ACTIVITY","event":{"network":"ETH_SEPOLIA"}}'
    secret = (ALCHEMY_SECRET + "production").encode()
    mac = hmac.new(secret, play, hashlib.sha256).hexdigest()
    assert _post(running.edge_url + "/hooks/alchemy", play, ("X-Alchemy-Signature", mac)) == 200
    while len(items := await production.mismatches()) < 2:
        await asyncio.sleep(0.05)
    assert {item.anomaly.code for item in items} == {Code.ENV_MISMATCH}
    assert {item.anomaly.severity for item in items} == {1}
    assert await production.published() == 0
    ours = _charge(live=True)
    assert _post(running.edge_url + "/hooks/stripe", ours, _stripe(ours, SECRET)) == 200
    assert await production.published() > 0
    assert running.terminate() == 0


@pytest.mark.slow
async def test_traffic_of_another_environment_is_unknown_here(production: House) -> None:
    """Leak 3 once more: a balancer that sends the sandbox's path to production, key and all."""
    running = processes.start(production.write(), "up").wait_started().wait_ready()
    body = _charge(live=True)
    signed = _stripe(body, SECRET)
    assert _post(running.edge_url + "/hooks/sandbox/stripe", body, signed) == 404
    assert await production.published() == 0
    assert _post(running.edge_url + "/hooks/production/stripe", body, signed) == 200
    assert running.terminate() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "secret"),
    [("production", "sk_test_51Hc0b1e2"), ("sandbox", "sk_live_51Hc0b1e2")],
    ids=["a test key in production", "a live key in the sandbox"],
)
async def test_a_secret_that_names_its_mode_starts_in_no_other(
    tmp_path: Path, environment: str, secret: str
) -> None:
    """Leaks 1 and 2, where the provider marks its keys."""
    house = House(tmp_path / "real", environment, secret)
    told = _refusal(house.write())
    assert "source 'stripe' key 'k1'" in told
    assert secret not in told
    assert await house.published() == 0


@pytest.mark.slow
@pytest.mark.parametrize(("here", "there"), [("production", "sandbox"), ("sandbox", "production")])
async def test_a_secret_of_the_other_environment_starts_in_neither(
    tmp_path: Path, here: str, there: str
) -> None:
    """Leaks 1 and 2, where a secret does not say whose it is: its fingerprint does."""
    other = House(tmp_path / "there", there)
    fingerprints = '[fingerprints]\nkey_file = "fp"\n'
    path = other.write(fingerprints)
    (other.directory / "fp").write_text(KEY)
    listing = processes.start(path, "fingerprints")
    assert listing.wait() == 0
    house = House(tmp_path / "here", here)
    path = house.write(fingerprints + 'foreign_files = ["theirs"]')
    (house.directory / "fp").write_text(KEY)
    (house.directory / "theirs").write_bytes(listing.output.read_bytes())
    told = _refusal(path)
    assert f"the same secret is source 'stripe' key 'k1' of the environment '{there}'" in told
    (house.directory / "stripe").write_text(OTHER_SECRET)
    running = processes.start(path, "up").wait_started()
    assert running.terminate() == 0


@pytest.mark.slow
async def test_a_cloned_database_is_not_written_to(tmp_path: Path) -> None:
    """Leak 5: a backup of the sandbox restored under production."""
    sandbox = House(tmp_path / "real", "sandbox")
    running = processes.start(sandbox.write(), "up").wait_started().wait_ready()
    assert running.terminate() == 0
    running = processes.start(House(tmp_path / "real").write(log="own.db"), "up")
    assert running.wait() == 1
    told = running.output.read_text()
    assert "the database belongs to environment 'sandbox'" in told


@pytest.mark.slow
@pytest.mark.parametrize(
    "top", ['[consumer]\ngroup = "sealgate-sandbox"', "[consumer]\nwait_s = 0.2"]
)
async def test_a_cloned_group_or_log_is_found(tmp_path: Path, top: str) -> None:
    """Leak 6: a group that says whose it is does not start; a copied log is read by nobody.

    Topics carry the environment, so production finds nothing of its own in the sandbox's log; the
    doctor says what else is in it.
    """
    sandbox = House(tmp_path / "real", "sandbox")
    running = processes.start(sandbox.write(), "up").wait_started().wait_ready()
    body = _charge(live=False)
    assert _post(running.edge_url + "/hooks/stripe", body, _stripe(body, SECRET)) == 200
    assert running.terminate() == 0
    house = House(tmp_path / "real")
    path = house.write(store="own.db")
    if "group" in top:
        path.write_text(path.read_text().replace("[consumer]", top))
        assert "consumer.group" in _refusal(path)
        return
    examined = processes.start(path, "doctor")
    assert examined.wait() == 3
    assert "holds topics of the environment 'sandbox' too" in examined.output.read_text()
    running = processes.start(path, "up").wait_started().wait_ready()
    assert running.terminate() == 0
    assert await house.published() == 0


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["production", "sandbox"])
@pytest.mark.parametrize("secret", ["", "   ", "changeme", "00000000"])
async def test_a_blank_or_a_default_key_starts_nowhere(
    tmp_path: Path, environment: str, secret: str
) -> None:
    """Leak 7: without a key nothing is checked, and with the tutorial's everybody has it."""
    house = House(tmp_path / "real", environment, secret)
    assert "source 'stripe' key 'k1'" in _refusal(house.write())
    assert await house.published() == 0


@pytest.mark.slow
async def test_a_sandboxs_api_starts_no_production(production: House) -> None:
    """Leak 8: keys fetched from the sandbox would make every delivery of the sandbox true."""
    path = production.write()
    (production.directory / "api").write_text(OTHER_SECRET)
    with path.open("a") as file:
        file.write(
            '[[source]]\nslug = "bank"\nprovider = "plaid"\n'
            'parameters = { environment = "sandbox", client_id = "c" }\n'
            '[[source.key]]\nid = "api"\nrole = "api"\nfile = "api"\n'
        )
    assert "source 'bank' key_source: the host has the word 'sandbox'" in _refusal(path)
    assert await production.published() == 0
