"""From a URL to a store, not opened yet.

`sqlite:///absolute/path.db` and `sqlite:./relative/path.db` are a file; `postgresql://…` is a
database, in the form libpq takes. A password given apart (it was read from a file) goes before one
in the URL; either way it is taken out of the URL here, and nothing that can fail later has it.
"""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from consumers.store.port import Store
from consumers.store.postgres import PostgresStore
from consumers.store.postgres_connection import Address
from consumers.store.sqlite import SqliteStore

_ACCEPTED = (
    "a store's URL is sqlite:///absolute/path.db, sqlite:./relative/path.db"
    " or postgresql://user@host/database"
)


def connect(url: str, password: str | None = None) -> Store:
    """Return the store at `url`. Raises `ValueError`, saying what is accepted."""
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "sqlite":
        return SqliteStore(_path(rest))
    if colon and scheme in {"postgresql", "postgres"}:
        return PostgresStore(postgres_address(url, password))
    raise ValueError(f"{_ACCEPTED}; this one begins otherwise")


def _path(rest: str) -> Path:
    """Read the path of a SQLite URL: ``///`` begins an absolute one, as in every file URL."""
    if rest.startswith("///"):
        path = rest[2:]
    elif rest.startswith(("./", "../")):
        path = rest
    else:
        raise ValueError(f"{_ACCEPTED}; this one's path begins with neither '///' nor './'")
    if path.endswith("/") or "?" in path or "\0" in path:
        raise ValueError(f"{_ACCEPTED}; this one names no file")
    return Path(path)


def postgres_address(url: str, password: str | None) -> Address:
    """Split a PostgreSQL URL into what may be shown and the password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"{_ACCEPTED}; this one cannot be read") from None
    user_info, at, hosts = parts.netloc.rpartition("@")
    user, _, in_url = user_info.partition(":")
    query = parse_qsl(parts.query)
    in_query = next((value for name, value in query if name == "password"), None)
    if not parts.path.strip("/") or "@" in user + parts.path or parts.fragment:
        raise ValueError(
            f"{_ACCEPTED}; this one names no database, or an '@', '/', '#' or '?' of"
            " its user or password is not written as %40, %2F, %23 or %3F"
        )
    if any(not _port(host).isdecimal() for host in hosts.split(",") if _port(host)):
        raise ValueError(f"{_ACCEPTED}; this one's port is not a number")
    rest = urlencode([pair for pair in query if pair[0] != "password"])
    dsn = f"postgresql://{user}{at}{hosts}{parts.path}{rest and '?' + rest}"
    return Address(dsn, password or unquote(in_url) or in_query)


def _port(host: str) -> str:
    """Return what follows the host's colon; an IPv6 address has its own in brackets."""
    return host.rpartition("]")[2].partition(":")[2]
