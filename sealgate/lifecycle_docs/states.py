"""`docs/lifecycle.md`: what a payment's words mean, and how it moves from one to the next.

The tables of `consumers.lifecycle`, `consumers.explaining` and `consumers.glossary` flow in; a page
for a reader who knows money and no code flows out.
"""

from collections.abc import Iterator

from consumers.explaining import RULES
from consumers.glossary import FACTS, FAILURES, FLAGS, POSTINGS, STATES, VERDICTS
from consumers.lifecycle import BELATED, ORDINARY, State
from consumers.standing import label
from sealgate import runbooks
from sealgate.lifecycle_docs.tables import sentence, table

_INTRODUCTION = (
    "Generated from the code's own tables by `make docs`. A payment has one word, its state;"
    " adjectives beside it, its flags; and a place in the books, which only finance writes. The"
    " same words stand in the command line, in notices, in metrics and in every document."
)
_ELSEWHERE = (
    "[What providers' words become](events.md) · [what people are called for](exceptions.md)"
)
_AXES = (
    (
        "state",
        "one word of ten",
        (
            "verified facts; operators only by stating facts of their own, through an exception."
            " Nobody can set it"
        ),
    ),
    ("flags", "adjectives, in a fixed order", "the same facts"),
    (
        "posting",
        "where the books are",
        "finance, by acknowledging what was booked. Never a provider's event",
    ),
)
_TABLE = (
    "`o` is a move of ordinary life. `.` is one that only older evidence makes when it arrives"
    " late, or an operator who accepts. Where nothing stands the move is illegal: it is never"
    " written, the payment stays as it is, and people are called. Every move that is written"
    " leaves a line of history and a notice."
)
_NEVER_BACK = (
    "Nothing returns to Pending, so Pending always means that no money was ever seen. The one"
    " exception is an operator who voids a false event: what then remains is proven anew, by the"
    " same rules."
)
_RULES = (
    "The state is a function of the *set* of verified facts about a payment: in whatever order"
    " they arrive, however often, the end is the same. Nothing is overwritten, and the last"
    " message does not win. Of these rules the first that holds names the state:"
)
# How value is weighed, for who checks a payment by hand.
_WEIGHING = """
- One transfer that is told several times is one transfer: the largest amount counts, never the sum.
- A running total of the provider and its single transfers tell the same money: the larger of the
  two counts.
- Amounts of different assets are never added. A price is met in its own asset or not at all. Where
  both the price and the transfer name a network, it must be the same one.
- The price is met from the price less the tolerance of the merchant's policy for that asset.
- A provider's word that the amount is the whole one meets the price, unless the figures of the same
  event contradict it: then the figures count.
- Late means that the amount first met the price after the window had closed (with the policy's
  grace), or after the payment was cancelled. What was seen in time and confirmed later is in time.
- A removed block takes back only what was in that block, a dropped transfer only its sighting
  outside any block. Once final money was removed, older sightings outside a block do not count.
- Some providers tell no time. The receipt of such an event is a bound, and no order: what was
  received inside a window that was told beforehand came inside it. Where the provider itself says
  that it closed the payment, and either that word or the money has no time, the money is late in
  every order: a provider closes what was not paid, and no goods move at a stale price unless a
  person accepts it (`LATE_FUNDS`). A release without a time lets no hold go: people do.
- A refund is compared with what had come until then; money without a time may have come before any
  refund, and a refund without one may have been the last. Money first seen after everything was
  given back is new money and does not make the payment live again: of money that is left of a
  refunded payment people are told ([UNMATCHED_DEPOSIT](exceptions.md#unmatched_deposit)).
- Of each refund the last word counts: one that bounced was not given back. Where nobody told
  whether it succeeded or failed last, it counts as failed, goods are held and people are called.
- Of two prices in one asset the higher is asked. A higher one that is told after the lower was met
  moves nothing back: the state stays, and people are told of both (`ILLEGAL_TRANSITION`).
"""
_NOTICES = (
    "Downstream services hear of every move, by a notice whose type is the state"
    " (`com.sealgate.payment.confirmed`) and whose id ends in the payment's version: what has"
    " an id that was seen before is a repetition. A hold that is placed or let go while the"
    " state stays has a notice of its own type, `com.sealgate.payment.held` or"
    " `com.sealgate.payment.released`, with the version that the payment has and an id of its"
    " own; never the type of the state again. `holds` in every notice names the holds that are"
    " on: goods wait until it is empty, whatever the type.\n\n"
    "Goods leave by the **effect key**, `ce_effectkey` in the headers and `effect_key` in the"
    " notice: send them where there is one, once for each key, and remember the keys as long"
    " as the goods. A notice has one where the payment is Confirmed and nothing holds it,"
    " whatever the type; all others have none (`null`). It is"
    " `<provider>/<account>/<reference>/fulfil/<generation>`. The generation is 1, and one"
    " more each time that a payment was Confirmed and then is Reversed or Refunded, so that"
    " the goods were to be called back; it follows from the history, and is the same after"
    " every crash and repetition. A payment that is Confirmed, found to be Late and then"
    " accepted has two notices of Confirmed, two ids and one effect key: the goods leave once."
)
_CONTRADICTIONS = (
    "Facts can contradict each other: refused, and yet final; cancelled, and yet paid in time; more"
    " given back than came; one transfer in two assets. The state then follows the rules all the"
    " same, goods and books are held (`hold: operator`), the event's verdict is `conflict`, and"
    " [CONTRADICTORY_OUTCOME](exceptions.md) calls people."
)
_LABEL = (
    "The flags stand behind the state, always in this order and in the same words:"
    f" *{label(State.CONFIRMED, ('overpaid', 'hold: compliance'))}*. A hold is let go only by its"
    " own kind; of two words at one instant the hold counts."
)
_POSTING = (
    "Being in the books is no state of a payment. Confirmed means that money is final, not that it"
    " is revenue: when and at which rate is finance's policy."
)
_VERDICTS = "What became of an event. Every event gets one; it is stored, counted and shown."


def page() -> str:
    """Write the page."""
    return "\n".join(
        [
            "# The payment lifecycle",
            "",
            _INTRODUCTION,
            "",
            _ELSEWHERE,
            *table(("axis", "holds", "who may change it"), _AXES),
            "## States",
            *table(("state", "means", "ends", "goods", "books", "runbook"), _states()),
            "## Moves",
            "",
            _TABLE,
            *table(("from \\ to", *map(str, _targets())), _moves()),
            _NEVER_BACK,
            "",
            *_diagram(),
            "",
            "## How the state follows from the facts",
            "",
            _RULES,
            "",
            *(f"{rule.number}. **{rule.name}**: {rule.says}." for rule in RULES),
            "",
            "How value is weighed:",
            _WEIGHING,
            _CONTRADICTIONS,
            "",
            "### Facts",
            *table(("fact", "states that"), ((f"`{kind}`", FACTS[kind]) for kind in FACTS)),
            "A payment fails for one of these reasons:",
            *table(("reason", "means"), ((f"`{one}`", FAILURES[one]) for one in FAILURES)),
            "## Flags",
            "",
            _LABEL,
            *table(("flag", "means"), ((f"`{flag}`", why) for flag, why in FLAGS.items())),
            "### What downstream hears",
            "",
            _NOTICES,
            "",
            "## Posting: the books",
            "",
            _POSTING,
            *table(("posting", "means"), ((f"`{one}`", why) for one, why in POSTINGS.items())),
            "## Verdicts",
            "",
            _VERDICTS,
            *table(("verdict", "means", "effect"), _verdicts()),
        ]
    )


def _states() -> Iterator[tuple[str, ...]]:
    for state, told in STATES.items():
        pages = ", ".join(map(runbooks.link, runbooks.STATES[state]))
        yield f"**{state}**", told.sentence, sentence(told.ends), told.goods, told.books, pages


def _targets() -> list[State]:
    """Return the states that anything leads to, in the order of the table."""
    return [state for state in State if any(state in ORDINARY[one] for one in State)]


def _moves() -> Iterator[tuple[str, ...]]:
    for before in State:
        yield f"**{before}**", *(_mark(before, after) for after in _targets())


def _mark(before: State, after: State) -> str:
    if after in ORDINARY[before]:
        return "o"
    return "." if after in BELATED[before] else ""


def _diagram() -> Iterator[str]:
    """Draw the moves: all of ordinary life in full, those of older evidence dashed."""
    yield "```mermaid"
    yield "flowchart LR"
    for before in State:
        for after in State:
            if after in ORDINARY[before]:
                yield f"    {before} --> {after}"
    for before in State:
        for after in State:
            if after in BELATED[before]:
                yield f"    {before} -.-> {after}"
    yield "```"


def _verdicts() -> Iterator[tuple[str, ...]]:
    for verdict, (means, effect) in VERDICTS.items():
        yield f"`{verdict}`", means, effect
