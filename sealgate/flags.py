"""The types of flags on the command line, apart: they need cyclopts, and the overview does not.

`sealgate.commands` names them as texts, and resolves them when a command is really called.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from sealgate.drills.told import Told
from sealgate.evidence.told import Told as EvidenceTold
from sealgate.explain.asked import Keys, Reading
from sealgate.exports.asked import ToClose, Wanted
from sealgate.freezing.said import Said
from sealgate.operations.asked import Acknowledgement, Decision
from sealgate.operations.picked import Picked
from sealgate.quarantine.asked import Selection
from sealgate.replay.asked import Asked as AskedAgain
from sealgate.tail.asked import Asked as AskedToTail
from sealgate.topics.users import Users


def _no_flag(_: object, value: str) -> None:
    """Refuse what looks like a flag: a misspelt one would be announced as a payment."""
    if value.startswith("-") and value != "-":
        raise ValueError(
            f"there is no flag {value}. If it is a reference, announce it as a line of standard"
            ' input: {"reference": "-..."} to sealgate payments expect -'
        )


Config = Annotated[Path, Parameter(name=["--config", "-c"], help="The configuration file.")]
Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]
RegisteredUrl = Annotated[str, Parameter(name="--url")]
# None stands for the defaults, which the overview need not know.
WithKeys = Annotated[Keys | None, Parameter(name="*")]
AsRead = Annotated[Reading | None, Parameter(name="*")]
Selecting = Annotated[Selection | None, Parameter(name="*")]
Freezing = Annotated[Said, Parameter(name="*")]
Deciding = Annotated[Decision, Parameter(name="*")]
Acknowledging = Annotated[Acknowledgement, Parameter(name="*")]
Picking = Annotated[Picked | None, Parameter(name="*")]
Recording = Annotated[Told | None, Parameter(name="*")]
Evidencing = Annotated[EvidenceTold | None, Parameter(name="*")]
Replaying = Annotated[AskedAgain | None, Parameter(name="*")]
Tailing = Annotated[AskedToTail | None, Parameter(name="*")]
Exporting = Annotated[Wanted, Parameter(name="*")]
Closing = Annotated[ToClose, Parameter(name="*")]
Serving = Annotated[Users | None, Parameter(name="*")]
Every = Annotated[bool, Parameter(name="--all", negative=(), help="List what was released, too.")]
# A lone - is standard input and no flag.
NamedOrPiped = Annotated[str, Parameter(allow_leading_hyphen=True, validator=_no_flag)]
Count = Annotated[int, Parameter(validator=validators.Number(gte=0))]
Seconds = Annotated[float, Parameter(validator=validators.Number(gte=0))]
Workers = Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=64))]
