"""The commands that tell a payment's story, and what its words mean: trace, why and glossary."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from sealgate.flags import Config


def trace(any_id: str, /, *, json: bool = False, config: "Config" = DEFAULT_CONFIG) -> int:
    """Tell the whole story that an id belongs to, in the order of time.

    Parameters
    ----------
    any_id
        A correlation id, an event or a payment (provider/account/key, or the key alone), a
        transaction's hash, a refund, a posting, an exception (ex-17), the key of a command, a
        notice's id, or topic/partition/offset.
    json
        Print JSON.
    """
    from sealgate.story.command import Asked
    from sealgate.story.command import trace as run

    return configured(config, ["worker"], lambda found: run(found, Asked(any_id, json)))


def why(payment: str, /, *, json: bool = False, config: "Config" = DEFAULT_CONFIG) -> int:
    """Explain a payment's state: the rule, the numbers, the evidence, what would move it on.

    Parameters
    ----------
    payment
        The payment, by provider/account/reference, or by any id that `sealgate trace` takes.
    json
        Print JSON.
    """
    from sealgate.story.command import Asked
    from sealgate.story.command import why as run

    return configured(config, ["worker"], lambda found: run(found, Asked(payment, json)))


def glossary(word: str = "", /, *, json: bool = False) -> int:
    """Say what a word means: a state, a flag, a verdict, an exception's code, an action, a role.

    Parameters
    ----------
    word
        The word, as it is shown anywhere; all words where it is absent.
    json
        Print JSON.
    """
    from sealgate.lexicon import run

    return run(word, as_json=json)


COMMANDS: tuple[Callable[..., int], ...] = (trace, why, glossary)
