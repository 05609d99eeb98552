"""Where the store and the log of a configuration are: URLs made whole, the store opened.

Apart from `sealgate.process`, so that a command that only asks something need not load the edge.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ingress import secretfiles
from sealgate.config import Configuration

if TYPE_CHECKING:
    # The edge has no store, and does without what it is made with.
    from consumers.store.port import Store


def open_store(configuration: Configuration) -> "Store":
    """Make the store of a configuration, not connected yet. Raises `ConfigurationInvalid`."""
    from consumers.store import connect as store_connect

    settings = configuration.settings.store
    password = None
    if settings.password_file is not None:
        secret = secretfiles.read_secret_file(configuration.base, settings.password_file)
        password = secret.decode("utf-8", "surrogateescape")
    return store_connect.connect(located(settings.url, configuration.base), password)


def located(url: str, base: Path) -> str:
    """Make the relative path in a file URL absolute, counted from the configuration's directory."""
    scheme, _, rest = url.partition(":")
    if not rest.startswith(("./", "../")):
        return url
    return f"{scheme}://{(base / rest).resolve()}"
