"""The AsyncAPI document read by the specification's own parser, which is written in JavaScript."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingress.contract.declaration import TOPICS
from sealgate.topics.asyncapi import as_yaml, document
from tests.support.services import missing

ROOT = Path(__file__).parents[4]
NODE = Path(sys.prefix) / "bin/node"
MODULES = Path(sys.prefix) / "validators/node_modules"
PARSE_S = 60


def _parsed(*files: Path) -> tuple[int, list[dict[str, Any]]]:
    if not (MODULES / "@asyncapi/parser").is_dir():
        missing("the AsyncAPI parser: `make test` installs tests/node/package-lock.json")
    script = ROOT / "tests/node/asyncapi.mjs"
    done = subprocess.run(
        [NODE, script, MODULES, *files], capture_output=True, timeout=PARSE_S, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(PARSE_S)
def test_the_parser_reads_the_document_without_a_finding_and_rejects_broken_ones(
    tmp_path: Path,
) -> None:
    """One process for all of it: most of its time is spent to start."""
    broken = document()
    broken["channels"]["verified"]["bindings"]["kafka"]["partitions"] = -1
    wrong_word = document()
    wrong_word["operations"]["edge-sends-verified"]["action"] = "publish"
    files = [ROOT / "deploy/asyncapi.yaml", tmp_path / "broken.yaml", tmp_path / "wrong.yaml"]
    files[1].write_text(as_yaml(broken), "utf-8")
    files[2].write_text(as_yaml(wrong_word), "utf-8")
    code, (ours, *others) = _parsed(*files)
    assert code == 1
    assert (ours["version"], ours["findings"]) == ("3.1.0", [])
    assert ours["channels"] == [topic.word for topic in TOPICS]
    for one, place in zip(others, ("partitions", "action"), strict=True):
        assert any(place in found["path"] for found in one["findings"]), one
