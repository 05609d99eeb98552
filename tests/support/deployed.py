"""What the tests of deploy/ share: its files, its commands typed, its configurations judged."""

import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from trustme import CA

from ingress.settings import Mistake
from sealgate.__main__ import application
from sealgate.check import faults
from sealgate.config import Settings, examine
from sealgate.role import ALL_ROLES, Role

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BIN = ROOT / ".venv" / "bin"
ROLE_OF = {
    "serve": Role.EDGE,
    "consume": Role.WORKER,
    "relay": Role.RELAY,
    "timers": Role.TIMERS,
    "fetch": Role.FETCH,
    "monitor": Role.MONITOR,
}
"""The command that plays each role."""

# Names of files as a configuration has them: what ends so is a certificate, all else a secret.
_FILE = re.compile(r'(?<!state_)file = "([^"]+)"')
_AUTHORITIES = (".crt", ".pem")


def documents(text: str) -> list[dict[str, Any]]:
    """Read every document of a YAML text."""
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def typed(words: Sequence[str]) -> None:
    """Raise where `sealgate WORDS` could not be typed."""
    application().parse_args(list(words), print_error=False, exit_on_error=False)


def settings(file: Path, text: str = "") -> Settings:
    """Read a configuration, its form only."""
    if text:
        file.write_text(text)
    return examine(file, {}).configuration.settings


def run(*words: object) -> tuple[int, str]:
    """Run a validator; return its exit code, and all that it said."""
    found = [str(word) for word in words]
    done = subprocess.run(found, check=False, capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


def mistakes(
    text: str,
    directory: Path,
    environ: Mapping[str, str] = MappingProxyType({}),
    roles: Sequence[Role] = ALL_ROLES,
    held: Collection[str] | None = None,
) -> Sequence[Mistake]:
    """Judge a configuration as `sealgate check` does, beside dummies of the files that it names.

    `held` are those that a process is given, where it is not given all of them.
    """
    for name in sorted(set(_FILE.findall(text))):
        if held is not None and not {name, str(Path(name).parent)} & set(held):
            continue
        here = directory / name.lstrip("/")
        here.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(_AUTHORITIES):
            here.write_bytes(CA().cert_pem.bytes())
        else:
            here.write_text(f"a dummy for {here.name}\n")
    # Counted from the configuration: a path of this machine may have words of another environment.
    placed = _FILE.sub(lambda found: found[0].replace('"/', '"'), text)
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "sealgate.toml"
    file.write_text(placed)
    reading = examine(file, environ)
    return [*reading.mistakes, *faults(reading.configuration, roles)]
