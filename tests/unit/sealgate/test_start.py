"""What a start costs: nothing is imported and no file read that is not needed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAVY = {
    "aiohttp",
    "aiokafka",
    "apsw",
    "asyncpg",
    "cryptography",
    "cyclopts",
    "orjson",
    "pydantic",
    "rich",
    "structlog",
    "Crypto",
    "consumers",
    "ingress",
}
REPORT = "import json; sys.stderr.write(json.dumps(sorted(sys.modules)))"


def _modules(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\n{REPORT}"],
        capture_output=True,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stderr))


@pytest.mark.parametrize("flags", [[], ["--help"], ["-h"]])
def test_the_overview_imports_nothing_heavy(flags: list[str]) -> None:
    """A person who looks a word up, and a shell that completes one, do not wait for libraries."""
    program = f"from sealgate.__main__ import main\nsys.argv[1:] = {flags}\nmain()"
    assert {name.partition(".")[0] for name in _modules(program)} & HEAVY == set()


def test_the_overview_names_every_command() -> None:
    """It is printed without the library that knows them, and must not fall behind it."""
    from sealgate.__main__ import application, overview

    told = {line.split()[0] for line in overview().splitlines() if line.startswith("  ")}
    assert {name for name in application() if name not in {"-h", "--help", "--version"}} <= told


def test_one_command_is_read_and_not_eighty() -> None:
    """Each call pays for every command whose flags are read; a word that is none, for all."""
    from sealgate.__main__ import application

    own = {"-h", "--help", "--version"}
    everything = set(application()) - own
    assert {"check", "keys", "payments"} < everything
    for word in sorted(everything):
        assert set(application(word)) - own == {word}
    for wrong in ("", "chekc", "--verbose"):
        assert set(application(wrong)) - own == everything
    assert {"add", "status", "revoke"} <= set(application("keys")["keys"])


def test_a_shared_secret_needs_no_public_key_cryptography() -> None:
    """Most sources are HMAC; their edge starts without the heaviest library of all."""
    loaded = _modules("from ingress import providers\nproviders.load('btcpay')")
    assert {name for name in loaded if name.partition(".")[0] == "cryptography"} == set()
    assert "ingress.schemes.asym" not in loaded
    assert "ingress.schemes.jws" not in loaded


def test_only_the_profiles_of_configured_sources_are_read(tmp_path: Path) -> None:
    """Eighty files that nobody uses would be read at every start, and could break it."""
    (tmp_path / "key").write_bytes(b"a secret of some length")
    (tmp_path / "sealgate.toml").write_text(
        'environment = "test"\n[[source]]\nslug = "shop"\nprovider = "btcpay"\n'
        '[[source.key]]\nid = "one"\nfile = "key"\n'
    )
    program = """
from pathlib import Path
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from sealgate.config import read
from sealgate.building import build_sources
build_sources(read(Path(sys.argv[1]) / "sealgate.toml", {}))
print("\\n".join(sorted(name for name in opened if name.endswith(".toml"))))
"""
    done = subprocess.run(
        [sys.executable, "-c", "import sys" + program, str(tmp_path)],
        capture_output=True,
        cwd=ROOT,
        check=True,
        timeout=60,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    names = sorted(Path(line).name for line in done.stdout.split())
    assert names == ["btcpay.toml", "sealgate.toml"]


EDGE = "import sealgate.commands.running, sealgate.process"
NOT_OF_AN_EDGE = {
    "asyncpg",
    "consumers.app",
    "consumers.apply",
    "consumers.interpret",
    "consumers.store",
    "cryptography",
    "Crypto",
    "rich",
    "sealgate.consuming",
    "structlog",
}
"""Of other roles, or of what a configuration asks for: a third of a start, and more."""
NOT_OF_A_FILE = {"aiokafka"}


def _opens(url: str) -> str:
    return f"{EDGE}\nfrom ingress.eventlog.connect import connect\nconnect({url!r})"


def test_an_edge_starts_without_what_other_roles_need() -> None:
    """A supervisor replaces its workers one by one; each has to be there soon."""
    loaded = _modules(f"{EDGE}\nfrom ingress import providers\nproviders.load('stripe')")
    assert loaded & NOT_OF_AN_EDGE == set()
    assert "aiohttp" in loaded, "nothing of the edge was imported: this proves nothing"


def test_a_log_in_a_file_needs_no_client_of_a_cluster(tmp_path: Path) -> None:
    """The one is for a machine alone, which has nothing to waste."""
    assert _modules(_opens(f"embedded://{tmp_path}/log.db")) & NOT_OF_A_FILE == set()
    assert _modules(_opens("kafka://localhost:9092")) & NOT_OF_A_FILE == NOT_OF_A_FILE


def test_lines_of_json_need_no_library_of_columns() -> None:
    """Nobody reads columns on a server, and the library brings its own of tracebacks."""
    said = "from ingress import telemetry\ntelemetry.configure('json')"
    program = f"{said}\ntelemetry.logger('edge').error('failed', exc_info=ValueError('why'))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        cwd=ROOT,
        check=True,
        timeout=60,
        text=True,
    )
    assert "ValueError: why" in done.stderr
    assert not {"structlog", "rich"} & set(done.stdout.split())
