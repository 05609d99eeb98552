"""Secrets that give the alarm where they are found: P6, "no secret anywhere", over all tests.

Every secret of a test is made known here under a name (`secret`), and those that a configuration
names are found beside it (`configured`). Everything that Sealgate writes, says and answers lies in
files in the end: its own, and those in which `canary_session` keeps what would be gone (`saw`). So
one search of trees of files finds every leak, as it is written or in another coding (`forms`).
What flows out names the file and the canary, and never shows the secret.

A file that is nothing but the secret is the key file itself. Words are no secrets: a value needs
some length. All else is a leak, but for what stands in `MEANT`, each with its reason.
"""

import base64
import binascii
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_from_bytes

LENGTH_MIN = 12
"""Shorter ones are words that stand anywhere: the tests that use them prove nothing by them."""

LETTERS_MIN = 5
COUNTED = bytes(range(256))
"""The key of many published vectors; bodies count in this way too."""

AGAIN_BYTES = 4096
"""What comes again and again is short: arguments, variables, metrics of nothing."""

HEADING = b"\n\x1e "
"""Opens each part of a kept file; the name of the test follows, up to the end of the line."""

_LABEL = b"whsec_"
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2})+")
_NAMED = re.compile(r"^\s*(\w*)file\s*=\s*[\"']([^\"'\n]+)[\"']", re.MULTILINE)
_NO_SECRET = frozenset({"certificate_", "client_ca_", "state_"})
_PUBLIC = (b"-----BEGIN PUBLIC", b"-----BEGIN CERTIFICATE")


class Leak(NamedTuple):
    """A canary where it must not be."""

    file: str
    canary: str
    test: str = ""

    def __str__(self) -> str:
        return f"{self.file}: holds {self.canary!r}" + (f" (of {self.test})" if self.test else "")


class Meant(NamedTuple):
    """A file that has to hold secrets, by the end of its path, and why."""

    path: re.Pattern[str]
    reason: str


MEANT = (
    Meant(
        re.compile(r"/the-key$"),
        "key files of `explain` as people leave them: in quotes, or after a name",
    ),
    Meant(
        re.compile(r"/kafka/server\.properties$"),
        "the settings of a test's own broker, which knows its users by their passwords",
    ),
)


@dataclass(slots=True)
class Canaries:
    """The secrets that are looked for, by their names, and where to keep what would be gone."""

    names: dict[bytes, str] = field(default_factory=dict)
    kept: Path | None = None
    trees: list[Path] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    _seen: set[bytes] = field(default_factory=set)

    def add(self, name: str, value: bytes) -> None:
        """Make a secret known; the first name stays."""
        is_word = len(value) < LENGTH_MIN or len(set(value)) < LETTERS_MIN
        if not is_word and not any(raw in COUNTED for raw in _decoded(value)):
            self.names.setdefault(value, name)

    def keep(self, sink: str, said: bytes) -> None:
        """Keep what was said in a sink, once, beside the name of the test."""
        folder = self.kept
        if folder is None or said in self._seen:
            return
        if len(said) <= AGAIN_BYTES:
            self._seen.add(said)
        # Without its parameters, which may be secrets: what is written here is searched, too.
        test = os.environ.get("PYTEST_CURRENT_TEST", "").partition("[")[0].encode()
        folder.mkdir(exist_ok=True)  # somebody may have cleaned up under us
        with (folder / sink).open("ab") as file:
            file.write(HEADING + test + b"\n" + said)

    def search(self, *trees: Path) -> list[Leak]:
        """Find the canaries in all files of these trees."""
        wanted = {form: value for value in self.names for form in forms(value)}
        found = []
        for path in _holding(wanted, trees):
            try:
                content = path.read_bytes()
            except OSError:
                continue  # it went while we looked
            # The key file itself, perhaps in another spelling.
            if content.strip() in (self.names.keys() | wanted.keys()):
                continue
            if any(meant.path.search(str(path)) for meant in MEANT):
                continue
            held = {value: content.find(form) for form, value in wanted.items() if form in content}
            found += [
                Leak(str(path), self.names[value], _test_at(content, at))
                for value, at in held.items()
            ]
        return found


SESSION = Canaries()
"""What this session of pytest knows."""


def secret(name: str, value: bytes) -> bytes:
    """Make a secret known to the search of this session; return it."""
    SESSION.add(name, value)
    return value


def key_file(name: str, path: Path) -> None:
    """Make the content of a key file known, if it is there and no public key."""
    SESSION.add(name, _key_file(path))


def saw(sink: str, said: bytes | str) -> None:
    """Keep what was said in a sink that is not a file, to be searched at the session's end."""
    SESSION.keep(sink, said.encode(errors="replace") if isinstance(said, str) else said)


def look(*trees: Path) -> None:
    """Search what is in these trees now, for what is known now; keep what is found."""
    for tree in trees:
        for value, name in configured(tree).items():
            SESSION.add(name, value)
    SESSION.leaks += [str(leak) for leak in SESSION.search(*trees)]


def forms(value: bytes) -> Iterator[bytes]:
    """Write a secret in every way in which it may have got somewhere."""
    for raw in {value, *_decoded(value)}:
        yield from filter(_is_telling, (_longest_line(raw), *_coded(raw)))


def configured(tree: Path) -> Mapping[bytes, str]:
    """Find the secrets whose files are named by the configurations in a tree."""
    found = {}
    for configuration in tree.rglob("*.toml"):
        try:
            text = configuration.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for kind, name in _NAMED.findall(text):
            # A fragment's paths count from the configuration that takes it in.
            for base in (configuration.parent, configuration.parent.parent):
                value = _key_file(base / name)
                if value and kind not in _NO_SECRET:
                    found[value] = f"{kind}file {name} of {configuration}"
    return found


def _key_file(path: Path) -> bytes:
    """Read a file of a secret; empty where it is none."""
    try:
        value = path.read_bytes().strip() if path.is_file() else b""
    except OSError:
        return b""
    return b"" if value.startswith(_PUBLIC) else value


def _decoded(value: bytes) -> Iterator[bytes]:
    """Undo the codings in which dashboards show secrets."""
    text = value.removeprefix(_LABEL)
    if text != value:
        yield text
    if _HEX.fullmatch(text):
        yield bytes.fromhex(text.decode())
    try:
        yield base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return


def _coded(raw: bytes) -> Iterator[bytes]:
    """Code a secret in hex, for URLs, and in base64 wherever in a longer text it stands."""
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield quote_from_bytes(raw, safe="").encode()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        # The letters at both ends depend on the neighbours too.
        inner = whole[(0, 2, 3)[before] : (len(raw) + before) // 3 * 4]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def _longest_line(raw: bytes) -> bytes:
    """Take what a search by lines can find."""
    return max(raw.split(b"\n"), key=len)


def _is_telling(form: bytes) -> bool:
    return len(form) >= LENGTH_MIN and not form.startswith(b"-----")


def _holding(wanted: Mapping[bytes, bytes], trees: tuple[Path, ...]) -> list[Path]:
    """Ask grep, which looks for thousands of texts at once, for the files that hold any.

    The texts come by its standard input: an argument would be a leak of its own.
    """
    if not wanted or not trees:
        return []
    done = subprocess.run(
        ["grep", "-rlaFs", "--null", "-D", "skip", "-f", "-", "--", *map(str, trees)],
        input=b"\n".join(wanted) + b"\n",
        capture_output=True,
        check=False,
        env={"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)},
    )
    # 2: also when a file went while it looked; without a word (-s) when that is all.
    if done.returncode not in {0, 1, 2} or done.stderr:
        raise RuntimeError(f"grep could not search: {done.stderr.decode()}")
    return [Path(os.fsdecode(name)) for name in done.stdout.split(b"\0") if name]


def _test_at(content: bytes, at: int) -> str:
    """Name the test that a part of a kept file is about; empty in other files."""
    start = content.rfind(HEADING, 0, at)
    if start < 0:
        return ""
    return content[start + len(HEADING) :].split(b"\n", 1)[0].decode(errors="replace")
