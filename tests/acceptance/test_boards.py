"""Every question of every board and every rule, asked of a real Prometheus at a real gateway.

An empty panel and a rule that finds nothing look like a quiet night. So under the traffic of
simulated providers each of them has to find something, with the labels that it shows; and for what
this one machine cannot have there is a short list of reasons, of which none may be idle.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from dashboards.grafana.board import BOARDS
from sealgate.metrics_docs.catalogue import named
from tests.support import boards, promql
from tests.support.processes import ROOT
from tests.support.prometheus import WAIT_S, Prometheus
from tests.support.watched import watched

RULES = sorted((ROOT / "dashboards" / "prometheus").glob("*.rules.yml"))
FOLDER = ROOT / "dashboards" / "grafana" / "boards"
# Everything is chosen, and every window holds all that was delivered, however long asking takes.
CHOSEN = {"$__rate_interval": "10m", "$__range": "10m"}
EVERYTHING = ".*"

SILENT = {
    "sealgate_journal_oldest_timestamp_seconds": "a journal stands before Kafka, and none here",
    "sealgate_addresses_fetched": "the lists of addresses are read from providers themselves",
    "sealgate_address_fetch_total": "the lists of addresses are read from providers themselves",
    "sealgate_notices_oldest_timestamp_seconds": "no notice waits while the relay runs",
    "sealgate_freeze_since_timestamp_seconds": "nobody has frozen anything",
    "source:sealgate_accepted_usual:increase1h": "what is usual is known after some days",
    "source:sealgate_silent_since:timestamp": "no source is silent under traffic",
    "part:sealgate_gone:present": "every part of the gateway is there",
}
"""Metrics without a series here, or without one that is not 0, and why."""

EMPTY_AT_TIMES = {"network"}
"""Labels that an asset of no network has not, for Prometheus keeps no empty ones."""
Json = Mapping[str, Any]


class Question(NamedTuple):
    """An expression, who asks it, and the labels that must be on some of what comes back."""

    asker: str
    expression: str
    labels: frozenset[str]

    @property
    def is_excused(self) -> bool:
        """Say whether it asks for what is not to be had here."""
        return not SILENT.keys().isdisjoint(promql.names(self.expression))


def _chosen(expression: str) -> str:
    for name, value in CHOSEN.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$[a-z]+", EVERYTHING, expression)


def _of_boards() -> Iterator[Question]:
    for name in BOARDS:
        for panel in boards.panels(json.loads((FOLDER / f"{name}.json").read_text("utf-8"))):
            columns = _columns(panel) - EMPTY_AT_TIMES
            for target in panel["targets"]:
                labels = re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))
                asker = f"{name}: {panel['title']}"
                yield Question(asker, _chosen(target["expr"]), columns | frozenset(labels))
                # The rows of a table are those of its first question.
                columns = frozenset()


def _columns(panel: Json) -> frozenset[str]:
    """Return the labels that are columns of a table; of any other panel none."""
    if panel["type"] != "table":
        return frozenset()
    renamed = panel["transformations"][1]["options"]["renameByName"]
    return frozenset(one for one in renamed if not one.startswith("Value"))


def _of_rules() -> Iterator[Question]:
    """Ask for each selector alone: that nothing is wrong now is no fault of a rule."""
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    for group in groups:
        for rule in group["rules"]:
            for selector in promql.selectors(rule["expr"]):
                bare = re.sub(r" (offset|@) .*", "", selector.prettify())
                yield Question(rule.get("alert") or rule["record"], bare, frozenset())


def _unanswered(prometheus: Prometheus, questions: list[Question]) -> list[Question]:
    """Return the questions to which nothing comes back, or nothing with the labels."""
    silent = []
    for question in questions:
        found = prometheus.query(question.expression)
        labels = {name for one in found for name in one.labels}
        if not found or not question.labels <= labels:
            silent.append(question)
    return silent


async def _all_answered(prometheus: Prometheus, questions: list[Question]) -> list[str]:
    """Ask until all is answered, or time is up; return what is not."""
    until_s = asyncio.get_running_loop().time() + WAIT_S
    while questions and asyncio.get_running_loop().time() < until_s:
        questions = await asyncio.to_thread(_unanswered, prometheus, questions)
        await asyncio.sleep(0.2)
    return [f"{one.asker}: {one.expression}" for one in questions]


# One of the gallery's deliveries is too large, as it is meant to be.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@pytest.mark.slow
async def test_every_question_finds_something_in_a_gateway_at_work(tmp_path: Path) -> None:
    """A metric that was renamed, a label that is not there: the board would only be empty."""
    questions = list(dict.fromkeys([*_of_boards(), *_of_rules()]))
    async with watched(tmp_path, RULES) as gateway:
        await gateway.play()
        await gateway.play_more()
        prometheus = gateway.prometheus
        waited_for = [one for one in questions if not one.is_excused]
        assert await _all_answered(prometheus, waited_for) == []
        for name, why in SILENT.items():
            assert named(name) is not None or ":" in name, f"{name}: there is none ({why})"
            assert any(name in promql.names(one.expression) for one in questions), name
            assert prometheus.query(f"{name} > 0") == [], f"{name} can be had: it needs no excuse"
        for rule in await asyncio.to_thread(prometheus.wait_evaluated):
            assert rule["health"] == "ok", f"{rule['name']}: {rule.get('lastError')}"
