"""Open the store of a configuration for one command, and turn what goes wrong into an exit code.

A report on a database that was made just now says that nothing ever happened. So a file that is not
there is an error here, where a worker would begin one.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from consumers.store.port import Store, StoreUnavailable, WrongDatabase, WrongEnvironment
from sealgate.config import Configuration
from sealgate.process import located, open_store

EXIT_UNAVAILABLE = 69
EXIT_CONFIGURATION = 78

Use = Callable[[Store], Awaitable[int]]


def with_store(configuration: Configuration, use: Use) -> int:
    """Run `use` on the opened store; return its exit code, or that of what went wrong."""
    settings = configuration.settings
    try:
        _check_there(located(settings.store.url, configuration.base))
        return asyncio.run(_use(open_store(configuration), settings.environment, use))
    except StoreUnavailable as away:
        print(f"the database is not available: {away}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    except (WrongDatabase, WrongEnvironment) as wrong:
        print(wrong, file=sys.stderr)
        return EXIT_CONFIGURATION


async def _use(store: Store, environment: str, use: Use) -> int:
    try:
        await store.open(environment)
        return await use(store)
    finally:
        await store.close()


def _check_there(url: str) -> None:
    scheme, _, path = url.partition("://")
    if scheme == "sqlite" and not Path(path).exists():
        raise StoreUnavailable(f"there is no file {path}; is store.url the worker's?")
