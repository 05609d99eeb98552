"""Run `sealgate trace` and `sealgate why`: from a person's words to lines, and an exit code.

Both read and change nothing: a database that is not there, or of an older version, is an error.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from consumers.interpret import assets
from consumers.store.port import Store
from ingress.eventlog.port import LogUnavailable
from sealgate.commands.context import EXIT_FAILED, EXIT_OK
from sealgate.config import Configuration
from sealgate.exposure.instants import show
from sealgate.exposure.report import Document
from sealgate.exposure.storing import with_store
from sealgate.freezing.banner import banner
from sealgate.plain import block, in_json
from sealgate.story import chronicle, inlog, reasoned, reasons, table
from sealgate.story.chronicle import Told
from sealgate.story.finality import Finality
from sealgate.story.gathering import Story, gather
from sealgate.story.search import Found, Unclear, Unknown, search, shown


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for: the words, and how to write the answer."""

    text: str
    json: bool = False


def trace(configuration: Configuration, asked: Asked) -> int:
    """Print the whole story of what the words stand for."""

    def tell(story: Story, told: Told) -> Document:
        return chronicle.document(story, asked.text, told)

    return _answer(configuration, asked, tell, table.render)


def why(configuration: Configuration, asked: Asked) -> int:
    """Print why the payment that the words stand for is in its state."""
    return _answer(configuration, asked, reasons.document, reasoned.render, of_state=True)


def _answer(
    configuration: Configuration,
    asked: Asked,
    tell: Callable[[Story, Told], Document],
    render: Callable[[Document], str],
    *,
    of_state: bool = False,
) -> int:
    told = _told(configuration)

    async def use(store: Store) -> int:
        try:
            found = await _find(configuration, store, asked.text)
        except Unclear as unclear:
            _complain(str(unclear))
            return EXIT_FAILED
        story = await gather(store, found)
        if of_state and (story.payment is None or story.payment.kept is not None):
            _complain(_stateless(shown(asked.text), story))
            return EXIT_FAILED
        frozen = await banner(store)
        if frozen:
            _complain(frozen)
        answer = tell(story, told)
        print(_json(answer) if asked.json else render(answer), end="")
        return EXIT_OK

    return with_store(configuration, use)


async def _find(configuration: Configuration, store: Store, text: str) -> Found:
    """Ask the log about a place in it, and the store about the rest. Raises `Unclear`.

    The record itself says which event it is; the store has to read all of its events for that. It
    is asked where the log has forgotten the record, or where the record was buried.
    """
    trouble, name = "", None
    try:
        name = await inlog.name_at(configuration, text)
        if name is not None:
            return (await search(store, name))._replace(by="a place in the log")
    except LogUnavailable as away:
        trouble = f"\nthe log could not be asked: {away}"
    except Unknown:
        trouble = f"\nthe log holds {name} there, and no worker has applied it"
    try:
        return await search(store, text)
    except Unknown as unknown:
        raise Unclear(f"{unknown}{trouble}") from unknown


def _complain(text: str) -> None:
    """Say what is wrong, and let nothing of a person's words or a provider's move the cursor."""
    print(block(text), file=sys.stderr)


def _stateless(text: str, story: Story) -> str:
    """Say why there is nothing to explain."""
    payment = story.payment
    if payment is not None and payment.kept is not None:
        told = table.kept_text(payment.kept, show(payment.changed_ms) or "")
        return f"{text}: {told}; sealgate trace shows what was stated"
    if story.key is None:
        return f"{text}: concerns no payment, so there is no state; sealgate trace shows it"
    return (
        f"{text}: nothing was ever stated about this payment, so it has no state; sealgate trace"
        " shows the events that name it, and their verdicts"
    )


def _told(configuration: Configuration) -> Told:
    finality = Finality.of(configuration)
    environment = configuration.settings.environment
    return Told(environment, finality.policy, assets.load().decimals, finality)


def _json(answer: Document) -> str:
    return in_json(answer, indent=2) + "\n"
