"""What is asked of `sealgate verify`: the flags as typed, apart from all that answers them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Keys:
    """With what to judge where no source is named."""

    key_file: tuple[str, ...] = ()
    """A file that holds a key, or KID=FILE; may be repeated."""

    parameter: tuple[str, ...] = ()
    """name=value, for a profile that takes parameters; may be repeated."""

    url: str = ""
    """The URL as it is registered at the provider."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a capture, and how to tell what was found."""

    body: Path | None = None
    """A file with the body's exact bytes, in place of the capture's."""

    at: str = ""
    """The moment of receipt: now, epoch seconds or ISO 8601; else as the delivery claims."""

    show_body: bool = False
    """Show the body's content, too."""

    json: bool = False
    """Print JSON, for machines."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request, and who is to judge it: a configured source, or a profile with keys.

    `own` is the directory of the user's own profiles, where no source is named.
    """

    request: Path
    keys: Keys = Keys()
    reading: Reading = Reading()
    source: str = ""
    config: Path = Path("sealgate.toml")
    provider: str = ""
    own: Path | None = None
