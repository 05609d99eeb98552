"""What an operator configures of the audit chain's checkpoints."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from consumers.settings import Seconds, Strict


class AuditSettings(Strict):
    """Where checkpoints go, and who signs them; without a key there are none."""

    directory: Path = Path("var/audit")
    """Where nobody who may write the database can write: another account, a locked bucket."""

    key_file: Path | None = None
    """The private key that signs, made by `sealgate audit init`; not on the database's machine."""

    checkpoint_s: Seconds = 3600.0
    """How often a monitor writes one, also when nothing happened."""

    verify_every_s: Annotated[float, Field(ge=0)] = 86_400.0
    """How often a process that runs the timers verifies the chains; 0 for never."""

    verify_tables: bool = True
    """Whether the rows of the tables are held against the chains then, as far as there is room."""
