"""The drills, by the command that a person types: they pass, and without a protection they do not.

A drill that cannot fail would be a comfort and no proof. So each protection is switched off in
turn, and the evidence sheet must say exactly what no longer holds.
"""

from pathlib import Path

import pytest

from sealgate.drills import compromise, divergence_judged, duplicates_judged, leak
from tests.support.canary import Canaries
from tests.support.drills import DRILLS, DrillResults, Played, play
from tests.support.drills_broken import FAILS, PROTECTIONS, SAMPLE, play_all
from tests.support.schemas import Judge, read

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CRITERIA = {
    "key-compromise": compromise.CRITERIA,
    "environment-leak": leak.CRITERIA,
    "duplicate-delivery": duplicates_judged.CRITERIA,
    "divergence": divergence_judged.CRITERIA,
}
EXIT_FOUND = 3


def _check_passed(drill: str, played: Played) -> None:
    assert played.code == 0, played.out + played.err
    sheet = played.sheet
    assert sheet["passed"] is True
    held = {check["name"]: check["holds"] for check in sheet["checks"]}
    assert held == dict.fromkeys(CRITERIA[drill], True)
    assert all(check["found"] != "never checked" for check in sheet["checks"])
    assert sheet["affected"]
    assert sheet["residual"]


@pytest.mark.parametrize("drill", DRILLS)
def test_a_drill_passes(drill: str, drill_results: DrillResults) -> None:
    """What the runbook says is rehearsed on the parts that a laptop has."""
    _check_passed(drill, drill_results(drill))


@pytest.mark.parametrize("drill", DRILLS)
def test_the_evidence_is_kept_for_people_and_for_archives(
    drill: str, drill_results: DrillResults
) -> None:
    """An auditor wants the sheet, and a script the same sheet: neither may know more."""
    played = drill_results(drill)
    assert (played.directory / "evidence.json").read_text() == played.out
    Judge({"drill": read("drill")}).judge("drill", played.out)
    text = (played.directory / "evidence.md").read_text()
    assert text.startswith(f"# Drill {drill}: PASSED\n")
    sheet = played.sheet
    for check in sheet["checks"]:
        assert f"| {check['name']} | {check['must']} | {check['found']} | ok |" in text
    for moment in sheet["moments"]:
        assert f"- {moment['at']} {moment['what']}" in text
    for line in (*sheet["commands"], sheet["residual"]):
        assert line in text
    for one in sheet["affected"]:
        assert f"- `{one}`" in text
    assert sheet["commands"]


@pytest.mark.parametrize("drill", DRILLS)
def test_a_drill_leaves_no_secret_anywhere(drill: str, drill_results: DrillResults) -> None:
    """Sheets, logs, databases and reports of a drill go to people who may not have the keys."""
    played = drill_results(drill)
    canaries = Canaries()
    for path in [*played.directory.rglob("secrets/*"), *played.directory.glob("*-key")]:
        canaries.add(path.name, path.read_bytes().strip())
    assert len(canaries.names) >= 2, played.err
    (played.directory / "stdout").write_text(played.out)
    (played.directory / "stderr").write_text(played.err)
    assert canaries.search(played.directory) == []
    assert played.code == 0, played.out + played.err


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.parametrize("drill", DRILLS)
def test_a_drill_passes_on_kafka_and_postgresql(
    drill: str, tmp_path: Path, kafka_bootstrap: str, postgres_empty_url: str
) -> None:
    """The embedded parts are for a laptop: the runbook must hold where the money is."""
    words = ("--kafka", kafka_bootstrap, "--postgres", postgres_empty_url)
    _check_passed(drill, play(drill, tmp_path / "drill", *words))


@pytest.mark.parametrize("drill", DRILLS)
def test_without_a_protection_a_drill_fails_exactly_where_it_should(
    drill: str, tmp_path: Path, *, is_full: bool
) -> None:
    """Each check earns its place by failing, and only when it is due, or it guards nothing."""
    switched = PROTECTIONS[drill] if is_full else SAMPLE[drill]
    played = play_all(tmp_path, [(drill, off) for off in switched])
    for off, broken in played.items():
        assert broken.code == EXIT_FOUND, f"without {off}: {broken.out}{broken.err}"
    failed = {off: broken.failed for off, broken in played.items()}
    assert failed == {off: FAILS[off] for off in switched}


@pytest.mark.parametrize("drill", DRILLS)
def test_every_check_fails_without_some_protection(drill: str) -> None:
    """A check that no missing protection turns red would be there for show."""
    red = {name for off in PROTECTIONS[drill] for name in FAILS[off]}
    # A wall that stops everything is no protection taken away: it is one too many.
    assert set(CRITERIA[drill]) - red <= {"the real one passes"}
