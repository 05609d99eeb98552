"""From a URL to a store: what is accepted, what is refused, and where the password goes."""

from pathlib import Path

import pytest

from consumers.store.connect import connect, postgres_address
from consumers.store.postgres import PostgresStore
from consumers.store.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/lib/sealgate/store.db", "/var/lib/sealgate/store.db"),
        ("sqlite:./var/store.db", "var/store.db"),
        ("sqlite:../store.db", "../store.db"),
    ],
)
def test_a_sqlite_url_names_a_file(url: str, path: str) -> None:
    """One slash too few or too many must not put payments into another file."""
    store = connect(url)
    assert isinstance(store, SqliteStore)
    assert store.path == Path(path)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_postgresql_url_names_a_database(scheme: str) -> None:
    """Both spellings are common; libpq takes both."""
    assert isinstance(connect(f"{scheme}://user@host:5432/payments"), PostgresStore)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "store.db",
        "/var/store.db",
        "sqlite",
        "sqlite:",
        "sqlite:store.db",
        "sqlite://store.db",
        "sqlite:/var/store.db",
        "sqlite:///var/folder/",
        "sqlite:///",
        "sqlite:./store.db?mode=ro",
        "mysql://user@host/db",
        "postgresql",
        "postgresql:",
        "postgresql://user@host",
        "postgresql://user@host/",
        "postgresql://user@host:port/db",
        "postgresql://user@h1:5432,h2:x/db",
        "postgresql://[::1/db",
    ],
)
def test_any_other_url_is_refused_with_what_is_accepted(url: str) -> None:
    """Whoever mistypes a URL at three in the morning needs to see the three right ones."""
    with pytest.raises(ValueError, match="sqlite:///absolute") as refused:
        connect(url)
    assert "postgresql://user@host/database" in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cr#t@host/db",
        "postgresql://user:s3cr/t@host/db",
        "postgresql://user:s3cr?t@host/db",
        "postgresql://user:12/s3cret@host/db",
        "postgresql://user:s3cret@host:nope/db",
        "postgresql://user:s3cret@[::1/db",
        "s3cret://user:s3cret@host/db",
    ],
)
def test_no_refusal_repeats_the_password(url: str) -> None:
    """Start-up errors are logged and pasted into chats."""
    with pytest.raises(ValueError, match="a store's URL is") as refused:
        connect(url)
    assert "s3c" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "given", "dsn", "password"),
    [
        ("postgresql://u@h/d", None, "postgresql://u@h/d", None),
        ("postgresql://u:a%40b@h/d", None, "postgresql://u@h/d", "a@b"),
        ("postgresql://u:a@b@h/d", None, "postgresql://u@h/d", "a@b"),
        ("postgresql://u:in-url@h/d", "given", "postgresql://u@h/d", "given"),
        ("postgresql://u@/d?host=/run/pg", "s3", "postgresql://u@/d?host=%2Frun%2Fpg", "s3"),
        (
            "postgresql://u@h/d?password=s3&sslmode=require",
            None,
            "postgresql://u@h/d?sslmode=require",
            "s3",
        ),
        ("postgres://h1:1,h2:2/d", None, "postgresql://h1:1,h2:2/d", None),
        ("postgresql://[::1]:5432/d", None, "postgresql://[::1]:5432/d", None),
    ],
)
def test_the_password_is_taken_out_of_the_url(
    url: str, given: str | None, dsn: str, password: str | None
) -> None:
    """What is kept apart cannot come out in a driver's message."""
    address = postgres_address(url, given)
    assert (address.dsn, address.password) == (dsn, password)
    assert not password or password not in repr(address)
