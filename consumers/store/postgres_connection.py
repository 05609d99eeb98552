"""Connections to PostgreSQL: how long anything may take, and what its errors mean to the port.

A batch must end before the log gives its partitions to another member, so every wait has an end:
for a connection, for a lock, for a statement, and for a client that stopped in the middle (a frozen
process loses its transaction and its locks).

The planner is held to lookups by key, planned anew each time. Left alone it guesses from statistics
that a young database does not have yet: a cached plan made while a table was empty reads it whole
for ever after, and a batch that takes milliseconds was seen to take seconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from consumers.store.port import StoreUnavailable, Unstorable, WrongDatabase

SERVER_VERSION_MIN = 15  # the oldest that the suite holds, and upstream support will outlive it

# What ends by itself, or by a human's hand elsewhere: a server that is away, full, starting,
# failing over or refusing us, a lost race between transactions, a wait that reached its end.
_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.PostgresSystemError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
    asyncpg.TargetServerAttributeNotMatched,
)
_UNSTORABLE = (asyncpg.DataError, asyncpg.ProgramLimitExceededError, UnicodeError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what. A group's session timeout is 45 s: all of this is well below."""

    connect_s: float = 5.0
    lock_s: float = 5.0
    statement_s: float = 10.0
    # Between two statements of a batch there is only our own arithmetic.
    idle_in_transaction_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is; the password is kept out of the DSN, so no message can repeat it."""

    dsn: str
    password: str | None

    def __repr__(self) -> str:
        return f"Address({self.dsn!r})"


async def make_pool(address: Address, patience: Patience, connections_max: int) -> asyncpg.Pool:
    """Connect once, so that what is wrong is known now, and keep at most `connections_max`."""
    with explained():
        return await asyncpg.create_pool(
            address.dsn,
            password=address.password,
            min_size=1,
            max_size=connections_max,
            reset=_keep_session,
            timeout=patience.connect_s,
            # The client gives up a little later than the server, whose reason is the better one.
            command_timeout=patience.statement_s + 2,
            server_settings={
                "application_name": "sealgate",
                "statement_timeout": _ms(patience.statement_s),
                "lock_timeout": _ms(patience.lock_s),
                "idle_in_transaction_session_timeout": _ms(patience.idle_in_transaction_s),
                "tcp_user_timeout": _ms(patience.statement_s),
                "plan_cache_mode": "force_custom_plan",
                "jit": "off",
                "enable_seqscan": "off",
                "enable_hashjoin": "off",
                "enable_mergejoin": "off",
            },
        )


async def check_server(connection: asyncpg.Connection) -> None:
    """Raise `WrongDatabase` for a server or an encoding that cannot hold the schema."""
    major = connection.get_server_version().major
    if major < SERVER_VERSION_MIN:
        raise WrongDatabase(f"PostgreSQL {SERVER_VERSION_MIN} or newer is needed: this is {major}")
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise WrongDatabase(f"the database's encoding is {encoding}: create it with UTF8")


async def _keep_session(_: asyncpg.Connection) -> None:
    """Spare a round trip per batch: nothing here changes a session's settings."""


def _ms(seconds: float) -> str:
    return str(int(seconds * 1000))


@contextmanager
def explained() -> Iterator[None]:
    """Turn PostgreSQL's conditions, and the driver's, into the port's."""
    try:
        yield
    except asyncpg.ClientConfigurationError as error:
        raise ValueError(f"the PostgreSQL URL is not usable: {error}") from None
    except _UNSTORABLE as error:
        raise Unstorable(f"PostgreSQL cannot hold a value: {error}") from error
    except _UNAVAILABLE as error:
        if isinstance(error, ValueError):  # the driver's own DataError: a value out of range
            raise Unstorable(f"PostgreSQL cannot hold a value: {error}") from error
        raise StoreUnavailable(f"PostgreSQL: {type(error).__name__}: {error}") from error
