"""The commands about the brokers' topics and who may use them."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, EXIT_USAGE, environ, now_ms

if TYPE_CHECKING:
    from sealgate.flags import Config, Serving
    from sealgate.topics.users import Users

SUMMARY = "Compare the brokers' topics and rules with what is needed, and make it so: plan, apply."


def topics_plan(
    *, users: "Serving" = None, json: bool = False, config: "Config" = DEFAULT_CONFIG
) -> int:
    """Show what would be made, set and granted. Exit code 3: something would.

    Parameters
    ----------
    json
        Print JSON.
    """
    return _run(users, config, is_applied=False, json=json)


def topics_apply(
    *, users: "Serving" = None, json: bool = False, config: "Config" = DEFAULT_CONFIG
) -> int:
    """Make, set and grant what is missing; may be run again. Exit code 3: something is left to you.

    Parameters
    ----------
    json
        Print JSON.
    """
    return _run(users, config, is_applied=True, json=json)


def _run(users: "Users | None", config: "Config", *, is_applied: bool, json: bool) -> int:
    from sealgate.plain import plain
    from sealgate.topics.command import Asked, run
    from sealgate.topics.users import Users

    named = users or Users()
    try:
        subscriber = named.subscriber()
    except ValueError as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_USAGE
    asked = Asked(config, named.by_role(), subscriber, is_applied, json)
    return run(asked, environ(), now_ms(), sys.stdout)


COMMANDS: dict[str, Callable[..., int]] = {"plan": topics_plan, "apply": topics_apply}
