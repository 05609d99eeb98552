"""docs/deploying.md: what it says to type can be typed, and what it points at is there."""

import re

from tests.support.deployed import DEPLOY, ROOT, typed

PAGE = ROOT / "docs" / "deploying.md"
TEXT = PAGE.read_text()
# A line's end, or that of a code span, is the end of a command.
_OURS = re.compile(r"(?:exec worker |-- |/opt/sealgate/bin/)sealgate ([^`\n#]+)")


def test_every_command_of_ours_can_be_typed() -> None:
    """It is followed by somebody who deploys for the first time."""
    commands = _OURS.findall(TEXT)
    assert len(commands) >= 3
    for command in commands:
        typed(command.split())


def test_every_file_and_link_is_there() -> None:
    """A path that moved sends people looking."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEXT)
    paths = re.findall(r"(?<!exec )(?<!image )\bdeploy/[\w@./-]+\w", TEXT)
    assert links
    assert paths
    absent = [one for one in links if not (PAGE.parent / one).exists()]
    absent += [one for one in paths if not list(ROOT.glob(f"{one}*"))]
    assert absent == []


def test_every_overlay_and_component_is_told() -> None:
    """One that nobody reads of is used by nobody."""
    folder = DEPLOY / "kustomize"
    ours = [*(folder / "overlays").iterdir(), *(folder / "components").iterdir()]
    assert [one.name for one in ours if f"`{one.parent.name}/{one.name}`" not in TEXT] == []
