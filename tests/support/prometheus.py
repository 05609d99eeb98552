"""A real Prometheus and a real Alertmanager for tests, with all that they keep in a directory.

`Prometheus` scrapes given targets every second and works out given rule files every second; it is
asked by its API: `query`, `rules`, `alerts`, `targets`. `Alertmanager` gets a configuration file.
Both listen at loopback alone, at free ports, and end with their ``with`` block. Where Debian's
packages are absent, `services.missing` says so.

    with Prometheus(tmp_path, {"edge": [Target("127.0.0.1:9090", {"environment": "test"})]},
                    rules=[RULES]) as prometheus:
        prometheus.wait_scraped()
        found = prometheus.wait_for("sealgate_build_info")
"""

import json
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.support import ports
from tests.support.services import missing

WAIT_S = 60.0
INTERVAL = "1s"


@dataclass(frozen=True, slots=True)
class Target:
    """What is scraped: an address without scheme, and the labels of its series."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer, and its value now."""

    labels: Mapping[str, str]
    value: float


def program(name: str) -> str:
    """Return the path of one of Debian's programs, or skip the test."""
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed (Debian: apt-get install prometheus{_PACKAGE[name]})")
    return found


_PACKAGE = {
    "prometheus": "",
    "promtool": "",
    "prometheus-alertmanager": "-alertmanager",
    "amtool": "-alertmanager",
}


def run(*words: str, cwd: Path | None = None) -> tuple[int, str]:
    """Run ``promtool`` or ``amtool`` to its end; return its exit code and all that it said."""
    ended = subprocess.run(
        [program(words[0]), *words[1:]], capture_output=True, text=True, check=False, cwd=cwd
    )
    return ended.returncode, ended.stdout + ended.stderr


class _Server(ABC):
    """A process with an HTTP API at a free port of loopback."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.address = f"127.0.0.1:{ports.free()}"
        self.url = f"http://{self.address}"
        self.output = directory / f"server-{secrets.token_hex(4)}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _words(self) -> list[str]:
        """Return the command that starts it."""

    def __enter__(self) -> Self:
        words = self._words()
        with self.output.open("wb") as file:
            self._process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)
        try:
            wait_until(self._is_ready, f"{words[0]} did not get ready", self.output.read_text)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT_S)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.output.read_text()
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=10) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def api(self, path: str, **parameters: str) -> Any:
        """Ask the API; an answer that is an error fails the test and says why."""
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        try:
            with urllib.request.urlopen(self.url + path + query, timeout=10) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as refused:
            with refused:
                said = refused.read().decode()
            raise AssertionError(f"{path} {parameters}: {refused.code} {said}") from None


class Prometheus(_Server):
    """Prometheus itself, over targets by the names of their jobs."""

    def __init__(
        self,
        directory: Path,
        jobs: Mapping[str, Sequence[Target]],
        *,
        rules: Sequence[Path] = (),
        alertmanager: str | None = None,
    ) -> None:
        super().__init__(directory)
        self.config = directory / "prometheus.yml"
        self._write(jobs, rules, alertmanager)

    def _write(
        self,
        jobs: Mapping[str, Sequence[Target]],
        rules: Sequence[Path],
        alertmanager: str | None,
    ) -> None:
        managers = [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []
        written = {
            "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
            "rule_files": [str(path) for path in rules],
            "alerting": {"alertmanagers": managers},
            "scrape_configs": [
                {
                    "job_name": job,
                    "static_configs": [
                        {"targets": [target.address], "labels": dict(target.labels)}
                        for target in targets
                    ],
                }
                for job, targets in jobs.items()
            ],
        }
        self.config.write_text(yaml.safe_dump(written, sort_keys=False))

    def _words(self) -> list[str]:
        return [
            program("prometheus"),
            f"--config.file={self.config}",
            f"--storage.tsdb.path={self.directory / 'tsdb'}",
            f"--web.listen-address={self.address}",
            "--log.level=warn",
            # An alert is told again at once: what is repaired is told as soon as it is known.
            "--rules.alert.resend-delay=1s",
        ]

    def query(self, expression: str) -> list[Sample]:
        """Work out an expression now; a number alone is one sample without labels."""
        answer = self.api("/api/v1/query", query=expression)["data"]
        if answer["resultType"] == "scalar":
            return [Sample({}, float(answer["result"][1]))]
        return [Sample(one["metric"], float(one["value"][1])) for one in answer["result"]]

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule: its ``name``, ``health``, ``state``, ``alerts`` and more."""
        groups = self.api("/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def alerts(self, state: str = "firing") -> list[dict[str, Any]]:
        """Return the alerts in a state: ``labels``, ``annotations``, ``value`` and more."""
        found = self.api("/api/v1/alerts")["data"]["alerts"]
        return [alert for alert in found if alert["state"] == state]

    def targets(self) -> list[dict[str, Any]]:
        """Return what is scraped: ``labels``, ``health``, ``lastError``, and more."""
        found: list[dict[str, Any]] = self.api("/api/v1/targets")["data"]["activeTargets"]
        return found

    def wait_scraped(self) -> None:
        """Wait until every target was scraped with success."""
        wait_until(
            # Until it has found out whom to scrape, all of no targets are up.
            lambda: {target["health"] for target in self.targets()} == {"up"},
            "not all targets are up",
            lambda: str(self.targets()),
        )

    def wait_evaluated(self) -> list[dict[str, Any]]:
        """Wait until every rule was worked out once; return them all."""
        wait_until(
            lambda: all(rule["health"] != "unknown" for rule in self.rules()),
            "not all rules were worked out",
            lambda: str(self.rules()),
        )
        return self.rules()

    def wait_for(self, expression: str) -> list[Sample]:
        """Wait until an expression returns something; return it."""
        wait_until(lambda: bool(self.query(expression)), f"nothing for {expression}", str)
        return self.query(expression)


class Alertmanager(_Server):
    """Alertmanager itself, alone, by a configuration file."""

    def __init__(self, directory: Path, config: Path) -> None:
        super().__init__(directory)
        self.config = config

    def _words(self) -> list[str]:
        return [
            program("prometheus-alertmanager"),
            f"--config.file={self.config}",
            f"--storage.path={self.directory / 'alertmanager'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """Return what it holds: ``labels``, ``receivers``, ``status`` and more."""
        found: list[dict[str, Any]] = self.api("/api/v2/alerts")
        return found


def wait_until(is_so: Callable[[], bool], complaint: str, told: Callable[[], str]) -> None:
    """Wait until something is so; otherwise fail with the complaint and what is told then."""
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"{complaint}: {told()}")
        time.sleep(0.05)
