"""The demo's own directory: fresh keys, a configuration, a log file; made anew at each start.

The key files are readable by their owner alone, as they should be anywhere. With ``--stay`` the
directory has a known place, so that a second shell finds the keys; a lock beside it keeps a second
demo from sweeping the first one's ground.
"""

import fcntl
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from consumers.store.connect import postgres_address
from ingress import providers
from sealgate.demo.scenario import ACCOUNT, DemoSource
from sealgate.simulator.keys import SECRET_BYTES, new_secret

STAY = Path("var/demo")
ENVIRONMENT = "demo"
# So short that the gallery sees it happen; a real limit of Paid is hours.
STUCK_S = 1.0
_OTHERS_STUCK_S = 86_400.0
_KEY_MODE = 0o600
_FOLDER_MODE = 0o700


class GroundTaken(Exception):
    """Another demo uses the directory."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose on the command line."""

    stay: bool = False
    kafka: str = ""
    postgres: str = ""
    port: int = 8080
    admin_port: int = 9090

    @property
    def shared(self) -> bool:
        """Say whether the log or the store outlives this run, and others may use it too."""
        return bool(self.kafka or self.postgres)


@dataclass(frozen=True, slots=True)
class Ground:
    """Where everything is. `secrets` are the keys' texts by source and key id."""

    directory: Path
    environment: str
    secrets: Mapping[tuple[str, str], str] = field(repr=False)

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        return self.directory / "sealgate.toml"

    @property
    def log(self) -> Path:
        """The gateway's log lines."""
        return self.directory / "gateway.log"

    def key_file(self, source: str, key_id: str) -> Path:
        """Name the file of one key."""
        return self.directory / "keys" / f"{source}.{key_id}"


@contextmanager
def directory(*, stay: bool) -> Iterator[Path]:
    """Give an empty directory; a passing one is left where the caller moved it, or removed.

    Raises `GroundTaken`.
    """
    if not stay:
        yield Path(tempfile.mkdtemp(prefix="sealgate-demo-"))
        return
    STAY.parent.mkdir(parents=True, exist_ok=True)
    with STAY.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise GroundTaken(f"another demo uses {STAY}: end it, or work elsewhere") from None
        shutil.rmtree(STAY, ignore_errors=True)
        STAY.mkdir(mode=_FOLDER_MODE)
        yield STAY


def prepare(place: Path, choices: Choices, sources: Sequence[DemoSource]) -> Ground:
    """Write keys and configuration. Raises `ValueError` for a PostgreSQL URL that is none."""
    environment = f"{ENVIRONMENT}-{secrets.token_hex(4)}" if choices.shared else ENVIRONMENT
    made = {
        (source.slug, key_id): new_secret(
            providers.load(source.provider, dict(source.parameters)),
            secrets.token_bytes(SECRET_BYTES),
        )
        for source in sources
        for key_id in source.key_ids
    }
    ground = Ground(place, environment, made)
    (place / "keys").mkdir(mode=_FOLDER_MODE)
    for (slug, key_id), secret in made.items():
        _write_secret(ground.key_file(slug, key_id), secret)
    store = 'url = "sqlite:./store.db"'
    if choices.postgres:
        address = postgres_address(choices.postgres, None)
        store = f"url = {_quoted(address.dsn)}"
        if address.password:
            _write_secret(place / "keys" / "postgres", address.password)
            store += '\npassword_file = "keys/postgres"'
    ground.configuration.write_text(_configuration(ground, choices, store, sources), "utf-8")
    return ground


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=_KEY_MODE, exist_ok=False)
    path.write_text(secret, encoding="utf-8")


def _configuration(
    ground: Ground, choices: Choices, store: str, sources: Sequence[DemoSource]
) -> str:
    """Write the configuration that the whole gateway reads."""
    # One copy is enough for payments that nobody made, and any cluster can keep it.
    kafka = f"kafka://{choices.kafka}?replication_factor=1"
    log = kafka if choices.kafka else "embedded:./log.db"
    unsafe = "accepts_unsafe_topics = true\n" if choices.kafka else ""
    tables = [_source(ground, source) for source in sources]
    return f"""\
# Written by `sealgate demo`, with limits so short that a person can watch them.
environment = {_quoted(ground.environment)}

[log]
url = {_quoted(log)}
{unsafe}
[store]
{store}

[edge]
port = {choices.port}
body_s = 1.0
drain_s = 0

[admin]
port = {choices.admin_port}

[consumer]
group = "sealgate-{ground.environment}"
wait_s = 0.2
relay_idle_s = 0.05
monitor_s = 0.5
timers_s = 0.5

[consumer.stuck_s]
Pending = {_OTHERS_STUCK_S}
Paid = {STUCK_S}
Underpaid = {_OTHERS_STUCK_S}
Late = {_OTHERS_STUCK_S}

{"".join(tables)}"""


def _source(ground: Ground, source: DemoSource) -> str:
    lines = [
        "[[source]]",
        f"slug = {_quoted(source.slug)}",
        f"provider = {_quoted(source.provider)}",
        f"account = {_quoted(ACCOUNT)}",
    ]
    if source.parameters:
        inside = ", ".join(f"{name} = {_quoted(value)}" for name, value in source.parameters)
        lines.append(f"parameters = {{ {inside} }}")
    for key_id in source.key_ids:
        file = ground.key_file(source.slug, key_id).relative_to(ground.directory)
        lines += ["[[source.key]]", f"id = {_quoted(key_id)}", f"file = {_quoted(str(file))}"]
    return "\n".join(lines) + "\n\n"


def _quoted(text: str) -> str:
    """Write a TOML string: JSON's escapes are among TOML's."""
    return json.dumps(text)
