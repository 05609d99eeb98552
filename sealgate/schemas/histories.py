"""Shapes of what is told of the audit chain: what verifying it found, and what people decided."""

from collections.abc import Mapping

from sealgate.audit.documents import FORMAT, SOUND, WRONG
from sealgate.schemas.shapes import (
    Fields,
    Schema,
    const,
    listed,
    maybe,
    moment,
    number,
    shape,
    text,
    truth,
    word,
)

_CHECKPOINT: Fields = {
    "number": number("its number"),
    "at": text("when it was written: an instant, or milliseconds where no calendar has it"),
}
_AUDITED: Fields = {
    "format": const(FORMAT),
    "environment": text("the environment"),
    "at": moment("when it was looked at"),
    "verdict": word("what it comes to; wrong makes the exit code 3", (SOUND, WRONG)),
    "entries": number("how many entries were hashed again"),
    "chains": listed(
        "the chains, each up to where it was hashed",
        shape(
            "one chain",
            {"chain": text("its name"), "entry": number("the number of its last entry")},
        ),
    ),
    "checkpoints": shape(
        "what somebody outside of the database saw",
        {
            "sound": number("how many are signed and follow each other"),
            "last": maybe(shape("the last of them; null for none", _CHECKPOINT)),
            "begun_behind": maybe(
                shape("the one of --from: the tables were left out; null without", _CHECKPOINT)
            ),
        },
    ),
    "tables": listed(
        "the tables, of which every row was held against the entries",
        shape(
            "one table",
            {
                "table": text("its name"),
                "rows": number("rows looked up"),
                "before_the_chain": number("of before the chain, vouched for by number alone"),
                "contradicted": number("about how many rows are not as entries say"),
            },
        ),
    ),
    "first_bad": maybe(
        shape(
            "the first bad entry; null where none is",
            {"chain": text("its chain"), "entry": maybe(number("its number"))},
        )
    ),
    "problems": listed(
        "what is wrong, some of each kind one by one",
        shape(
            "one problem",
            {
                "of": word("what is wrong", ("checkpoints", "chain", "table")),
                "chain": maybe(text("in which chain; null where in none")),
                "entry": maybe(number("at which entry; null where at none")),
                "table": maybe(text("in which table, or tables; null where in none")),
                "says": text("in words"),
            },
        ),
    ),
    "remarks": listed("worth knowing, and no proof of anything wrong", text("a sentence")),
}
_DECISION: Fields = {
    "at": moment("when"),
    "by": text("who decided"),
    "approved_by": text("the second person; empty for none"),
    "role": text("as what; empty where none was asked for"),
    "command": text("what was typed, or the name of what was entered"),
    "reason": text("the code of the reason, or the judgement of an event; empty for none"),
    "note": text("why, in words"),
    "key": text("the idempotency key; empty for none"),
    "subject": text("the payment, the deposit, the exception or the event; empty for none"),
    "detail": text("what else was said, as it is kept"),
    "chain": maybe(text("the chain of the entry; null where no entry names it")),
    "entry": maybe(number("the entry that names it; null where none does")),
    "is_kept": truth("whether its row is there as the entry says"),
}
DEFS: Mapping[str, Schema] = {
    "Audited": shape("What verifying the audit chain found.", _AUDITED),
    "Decisions": shape(
        "What people decided.",
        {
            "format": const("sealgate.decisions/1"),
            "environment": text("the environment"),
            "made_at": moment("when this was made"),
            "by": text("whose, as asked; empty for everybody's"),
            "role": text("as what, as asked; empty for all"),
            "since": text("from when, as asked; empty for the beginning"),
            "until": text("before when, as asked; empty for no end"),
            "decisions": listed("the oldest first", shape("one decision", _DECISION)),
            "contradicted": number("how many are not as the chain says: the exit code is 3"),
        },
    ),
}
