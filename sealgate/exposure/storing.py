"""Open the store of a configuration for one command, and turn what goes wrong into an exit code.

A report on a database that was made just now says that nothing ever happened. So a database that is
not there, or of an older version, is an error here, where a worker would make it or migrate it.
Commands that write look first too: to migrate is the workers' business, at an hour of their choice.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from consumers.store.looking import NotMade
from consumers.store.port import (
    Store,
    StoreUnavailable,
    Unstorable,
    WrongDatabase,
    WrongEnvironment,
)
from sealgate.config import Configuration
from sealgate.plain import plain
from sealgate.stores import open_store

EXIT_USAGE = 2
EXIT_UNAVAILABLE = 69
EXIT_CONFIGURATION = 78

Use = Callable[[Store], Awaitable[int]]


def with_store(configuration: Configuration, use: Use, *, writes: bool = False) -> int:
    """Run `use` on the opened store; return its exit code, or that of what went wrong."""
    store, environment = open_store(configuration), configuration.settings.environment
    try:
        return asyncio.run(_use(store, environment, use, writes=writes))
    except NotMade as absent:
        print(plain(f"{absent}; is store.url the workers'?"), file=sys.stderr)
        return EXIT_UNAVAILABLE
    except StoreUnavailable as away:
        print(plain(f"the database is not available: {away}"), file=sys.stderr)
        return EXIT_UNAVAILABLE
    except (WrongDatabase, WrongEnvironment) as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_CONFIGURATION
    except Unstorable:
        # The terminal's bytes, not the person's words: a name that was pasted in another encoding.
        print("a word of the command is no text that a database can hold", file=sys.stderr)
        return EXIT_USAGE


async def _use(store: Store, environment: str, use: Use, *, writes: bool) -> int:
    try:
        await store.look(environment)
        if writes:
            await store.open(environment)
        return await use(store)
    finally:
        await store.close()
