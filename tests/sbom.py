"""Write the bill of materials: ``python -m tests.sbom sealgate.cdx.json``.

What requirements.lock names flows in, with the sums to which every installation is held; a document
of CycloneDX flows out, judged by its own schema before it is written. Nothing is asked of the
environment or of the clock, so the same lock makes the same bytes, and whoever has a checkout can
make the document of a release again and compare.

In it is what the gateway wants and what `sealgate kafka` wants beside it, whatever the platform:
where a package is for some platforms alone, its property says which. Of what depends on what, it
says what the project itself asks for; the lock knows no more.
"""

import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
MARKER = "sealgate:environment-marker"
"""The property that says for which environments a package is wanted."""

_SUM = re.compile(r"--hash=sha256:([0-9a-f]{64})(?!\S)")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/sealgate/sealgate")


class Pin(NamedTuple):
    """One package as the lock has it."""

    name: str
    version: str
    marker: str
    sums: tuple[str, ...]


def pins(lock: str) -> Iterator[Pin]:
    """Read a lock. Raises `ValueError` for what is not pinned to one version and held to a sum."""
    for line in lock.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        asked = Requirement(line.split("--hash=", 1)[0].strip())
        sums = tuple(sorted(_SUM.findall(line)))
        found = re.fullmatch(r"==([^,*]+)", str(asked.specifier))
        if found is None or not sums:
            raise ValueError(f"requirements.lock: {asked.name} has no one version, or no sum")
        yield Pin(canonicalize_name(asked.name), found[1], str(asked.marker or ""), sums)


def bill(project: str, lock: str) -> str:
    """Write the document of a project's pyproject.toml and its lock. Raises `ValueError`."""
    said = tomllib.loads(project)["project"]
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, hashlib.sha256(lock.encode()).hexdigest()))
    ours = Component(
        name=said["name"],
        version=said["version"],
        type=ComponentType.APPLICATION,
        description=said["description"],
        supplier=OrganizationalEntity(name="The Sealgate project"),
        purl=PackageURL("pypi", None, said["name"], said["version"]),
        bom_ref=said["name"],
    )
    bom.metadata.component = ours
    components = {pin.name: _component(pin) for pin in pins(lock)}
    bom.components.update(components.values())
    asked = [*said["dependencies"], *said["optional-dependencies"]["broker"]]
    names = {canonicalize_name(Requirement(one).name) for one in asked}
    if names - components.keys():
        raise ValueError(f"requirements.lock lacks {', '.join(sorted(names - components.keys()))}")
    bom.register_dependency(ours, [components[name] for name in sorted(names)])
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    # The moment of writing would make two documents of one lock.
    del document["metadata"]["timestamp"]
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def judge(text: str) -> None:
    """Raise `ValueError` where a document is not as the schema of CycloneDX wants it."""
    if (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise ValueError(f"not as CycloneDX wants it: {wrong}")


def _component(pin: Pin) -> Component:
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"https://pypi.org/project/{pin.name}/{pin.version}/#files"),
        comment="the sums of its files: one for each platform that has a file of its own",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in pin.sums],
    )
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", None, pin.name, pin.version),
        bom_ref=f"{pin.name}=={pin.version}",
        external_references=[files],
        properties=[Property(name=MARKER, value=pin.marker)] if pin.marker else [],
    )


if __name__ == "__main__":
    texts = [(ROOT / name).read_text() for name in ("pyproject.toml", "requirements.lock")]
    made = bill(*texts)
    judge(made)
    Path(sys.argv[1]).write_text(made)
