"""The configuration of the gateway that the runbooks are tried on, and what people have beside it.

Five sources: two of one provider, of which one expects its payments first; a chain that is watched;
one whose events say what is live; and one whose key will leak.
"""

from pathlib import Path
from typing import NamedTuple

from sealgate.config import Configuration, read
from tests.support.gateway import NEW_SECRET, OLD_SECRET, STRIPE_SECRET
from tests.support.replayed import NEW_ROW, SWEPT_IS_FINAL, candidate
from tests.support.tls import write_pair

ENVIRONMENT = "test"
GROUP = "sealgate-lifecycle"
_CONFIGURATION = f"""\
environment = "{ENVIRONMENT}"

[log]
url = "embedded:./log.db"
partitions = 1

[store]
url = "sqlite:./store.db"

[edge]
port = EDGE_PORT

[admin]
port = ADMIN_PORT

[audit]
directory = "checkpoints"
key_file = "audit-key.pem"

[consumer]
group = "{GROUP}"

[consumer.posting]
since = 2026-01-01

[operators]
alone_up_to = {{ USDC = "100" }}

[policy]
expect_first = ["cart"]

[[source]]
slug = "kobbopay-shop"
provider = "kobbopay"
account = "main"
[[source.key]]
id = "k1"
file = "kobbopay-key"

[[source]]
slug = "cart"
provider = "kobbopay"
account = "cart"
[[source.key]]
id = "k1"
file = "cart-key"

[[source]]
slug = "chain"
provider = "alchemy"
account = "main"
[[source.key]]
id = "k1"
file = "chain-key"

[[source]]
slug = "stripe-shop"
provider = "stripe"
account = "shop"
[[source.key]]
id = "k1"
file = "stripe-key"

[[source]]
slug = "btcpay-shop"
provider = "btcpay"
account = "shop"
[[source.key]]
id = "2026-05"
file = "btcpay-key"
"""
_SECRETS = {
    "kobbopay-key": b"a secret of a runbook's shop, 1",
    "cart-key": b"a secret of a runbook's cart, 2",
    "chain-key": b"a secret of a runbook's chain, 3",
    "stripe-key": STRIPE_SECRET,
    "btcpay-key": OLD_SECRET,
    "new-secret": NEW_SECRET,
}


# What people have beside them: the provider's ledger, finance's batch, another environment.
_FILES = {
    "provider.csv": "event,payment\nd-2,inv-2\n",
    "batch.csv": "payment,posting,amount,asset\nconfirmed-1,GL-31,10.00,USDC\n",
    "other.toml": """\
environment = "live"
[[source]]
slug = "stripe-live"
provider = "stripe"
account = "live"
[[source.key]]
id = "k1"
file = "stripe-key"
""",
}


class Ports(NamedTuple):
    """Where an edge of the world would listen; nobody does unless a test starts it."""

    edge: int
    admin: int


def settle(folder: Path, ports: Ports) -> Configuration:
    """Write the configuration and the key files, and read them back."""
    for name, secret in _SECRETS.items():
        file = folder / name
        file.touch(0o600)
        file.write_bytes(secret)
    configure(folder, ports)
    for name, text in _FILES.items():
        (folder / name).write_text(text)
    candidate(folder / "candidate", SWEPT_IS_FINAL, NEW_ROW)
    (folder / "tls").mkdir()
    write_pair(folder / "tls")
    return read(folder / "sealgate.toml", {})


def configure(folder: Path, ports: Ports) -> None:
    """Write the configuration alone, such as for a process that takes any free ports."""
    told = _CONFIGURATION.replace("EDGE_PORT", str(ports.edge))
    told = told.replace("ADMIN_PORT", str(ports.admin))
    (folder / "sealgate.toml").write_text(told)
