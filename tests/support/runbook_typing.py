"""Types the lines of a runbook, as somebody would who has filled in the words in capitals.

``sealgate`` runs in this process on a copy of the world (`tests.support.runbook_world`); the rest
runs in a shell. What cannot run here stands in `ELSEWHERE`, with the reason.
"""

import contextlib
import io
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sealgate.__main__ import application
from tests.support.runbook_pages import Line, split

# Programs, and commands of ours, that are not run here.
ELSEWHERE: Mapping[str, str] = {
    "kafka-get-offsets.sh": "asks a Kafka cluster",
    "systemctl": "asks the machine's systemd for units of ours",
    "timedatectl": "asks the machine's systemd",
    "psql": "asks a PostgreSQL server",
    "amtool": "asks a running Alertmanager",
    "sealgate topics": "asks a Kafka cluster",
    "sealgate consume": "runs until it is stopped",
    "sealgate drill": "tests/acceptance plays every drill whole",
}
_SHOWN = {"payments", "deposits", "exceptions"}
ADMIN = "http://127.0.0.1:9090/"
EDGE = "http://127.0.0.1:8080/"
# Words in capitals that are typed as they stand: names, tickets, notes; and those of the trade.
AS_THEY_STAND = frozenset({"NAME", "SECOND", "TICKET", "WHY", "GL", "USDC", "USDT", "API", "USR"})
_CAPITALS = re.compile(r"(?<![\w.-])[A-Z][A-Z0-9_]+(?![\w])")
_SETTING = re.compile(r"# in sealgate\.toml: \[(\w+)\] (\w+ = .+)$")
_CODE = re.compile(r"(?<=--code )[A-Z_]+")


# Made once: to make it takes longer than most commands do.
_application = cache(application)


class Unfilled(Exception):
    """A word in capitals that nobody has said what to write for."""


@dataclass(slots=True)
class Typist:
    """One page's reader: where they stand, and what they write for each word in capitals."""

    folder: Path
    filled: Mapping[str, str]
    admin: str = ADMIN
    edge: str = EDGE
    about: list[str] = field(default_factory=list)

    def type(self, line: Line) -> tuple[int, str]:
        """Type a line, or write the setting that it tells; return how it ended and what it told."""
        # Where a page asks a process of before, the tests have one of theirs.
        text = self.fill(line.text).replace(ADMIN, self.admin).replace(EDGE, self.edge)
        setting = _SETTING.match(text)
        if setting is not None:
            self._set(*setting.groups())
            return 0, ""
        words = split(text)
        if words[0] != "sealgate":
            return self._shell(text)
        target = words.index(">") if ">" in words else len(words)
        if any(one in words[:target] for one in ("|", "&&", ";", "<")):
            raise ValueError(f"sealgate stands alone on its line: {text}")
        code, told, errors = self._sealgate(self._seen(words[1:target]))
        if target < len(words):
            (self.folder / words[target + 1]).write_text(told)
        return code, told + errors

    def fill(self, text: str) -> str:
        """Write something for every word in capitals. Raises `Unfilled`."""
        known: dict[str, str] = {**self.filled, **{code: code for code in _CODE.findall(text)}}

        def write(found: re.Match[str]) -> str:
            word = found.group()
            if word == "VERSION" or word.rstrip("0123456789") in AS_THEY_STAND:
                return word
            if word not in known:
                raise Unfilled(f"{word} in: {text}")
            return known[word]

        return _CAPITALS.sub(write, text.partition(" #")[0])

    def _set(self, table: str, setting: str) -> None:
        """Write a setting into its table, in place of the one that is there."""
        file = self.folder / "sealgate.toml"
        head, mark, rest = file.read_text().partition(f"[{table}]\n")
        key = setting.partition(" ")[0]
        body, end, others = rest.partition("\n[")
        kept = [line for line in body.splitlines() if not line.startswith(f"{key} = ")]
        file.write_text(head + mark + "\n".join([setting, *kept]) + end + others)

    def _seen(self, words: Sequence[str]) -> list[str]:
        """Write the version that ``show`` tells where the page says VERSION."""
        group, act, *_ = [*words, "", ""]
        if group in _SHOWN and len(words) > 2 and act != "withdraw":
            self.about = [group, words[2]]
        if "VERSION" not in words:
            return list(words)
        group, name = self.about
        _, told, _ = self._sealgate([group, "show", name, "--json"])
        seen = json.loads(told)["version"]
        return [str(seen) if word == "VERSION" else word for word in words]

    def _sealgate(self, words: Sequence[str]) -> tuple[int, str, str]:
        out, errors = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
        ):
            code = _application()(
                list(words), exit_on_error=False, print_error=True, result_action="return_value"
            )
        return int(code), out.getvalue(), errors.getvalue()

    def _shell(self, text: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", text],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        return done.returncode, done.stdout + done.stderr


def elsewhere(words: Sequence[str]) -> str:
    """Say why a line is not run here; nothing where it is."""
    return ELSEWHERE.get(" ".join(words[:1]), ELSEWHERE.get(" ".join(words[:2]), ""))
