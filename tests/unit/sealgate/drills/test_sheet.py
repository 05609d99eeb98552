"""The evidence sheet: what was not checked has not held, and both forms say everything."""

import json

from sealgate.drills.sheet import Sheet

AT_MS = 1_795_399_200_123
AT = "2026-11-23T02:00:00.123Z"
CRITERIA = {"shut": "the door is shut", "told": "somebody is told"}


def whole(*, is_told: bool = True) -> Sheet:
    """Make a sheet with something in each part."""
    sheet = Sheet("fire", "drill-1", CRITERIA, version="1.2.3")
    sheet.note(AT_MS, "the alarm rang")
    sheet.check("told", "1 person", holds=is_told)
    sheet.check("shut", "it is", holds=True)
    sheet.commands.append("sealgate doctor # exit code 0")
    sheet.affected.append("evt_1")
    sheet.figures["last accept"] = "12 ms"
    sheet.residual = "Smoke remains."
    return sheet


def test_a_sheet_passes_when_every_criterion_holds() -> None:
    """Only then may an auditor read PASSED."""
    assert whole().passed
    assert whole().markdown().startswith("# Drill fire: PASSED\n")


def test_one_check_that_does_not_hold_fails_the_sheet() -> None:
    """Many that hold make up for nothing."""
    sheet = whole(is_told=False)
    assert not sheet.passed
    assert sheet.markdown().startswith("# Drill fire: FAILED\n")
    assert "| told | somebody is told | 1 person | FAILED |" in sheet.markdown()
    assert "| shut | the door is shut | it is | ok |" in sheet.markdown()
    assert json.loads(sheet.json())["passed"] is False


def test_a_check_that_was_never_made_fails_the_sheet() -> None:
    """A drill that ends early must not look like one that went well."""
    sheet = Sheet("fire", "drill-1", CRITERIA)
    sheet.check("shut", "it is", holds=True)
    assert not sheet.passed
    assert "| told | somebody is told | never checked | FAILED |" in sheet.markdown()
    assert [one["holds"] for one in json.loads(sheet.json())["checks"]] == [True, False]


def test_the_markdown_says_everything() -> None:
    """What people read: written down by hand, line by line."""
    assert whole().markdown() == (
        "# Drill fire: PASSED\n\nEnvironment `drill-1`, Sealgate 1.2.3.\n\n"
        "| check | must hold | found | |\n| --- | --- | --- | --- |\n"
        "| shut | the door is shut | it is | ok |\n"
        "| told | somebody is told | 1 person | ok |\n\n"
        f"## What happened\n\n- {AT} the alarm rang\n\n"
        "## Commands\n\n```sh\nsealgate doctor # exit code 0\n```\n\n"
        "## Figures\n\n- last accept: 12 ms\n\n"
        "## Affected (1)\n\n- `evt_1`\n\n## What remains\n\nSmoke remains.\n"
    )


def test_the_json_says_the_same() -> None:
    """What archives keep, in a form that has a version."""
    assert json.loads(whole().json()) == {
        "format": "1",
        "drill": "fire",
        "environment": "drill-1",
        "version": "1.2.3",
        "passed": True,
        "checks": [
            {"name": "shut", "must": "the door is shut", "holds": True, "found": "it is"},
            {"name": "told", "must": "somebody is told", "holds": True, "found": "1 person"},
        ],
        "moments": [{"at": AT, "what": "the alarm rang"}],
        "commands": ["sealgate doctor # exit code 0"],
        "figures": {"last accept": "12 ms"},
        "affected": ["evt_1"],
        "residual": "Smoke remains.",
    }
