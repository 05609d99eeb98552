"""Shapes of what looks for trouble and rehearses it, of words, profiles, topics and replays."""

from collections.abc import Mapping

from consumers.store.deposits import DepositState
from consumers.store.port import Cause
from ingress.contract.envelope import Assurance, Coverage
from sealgate.doctor.findings import Level
from sealgate.schemas.payments import EVENT, PAYMENT, outcome
from sealgate.schemas.shapes import (
    Fields,
    Schema,
    const,
    listed,
    mapped,
    maybe,
    moment,
    number,
    ref,
    shape,
    sometimes,
    text,
    truth,
    word,
)

_USABLE = "there where the profile can be used"
_PROFILE: Fields = {
    "name": text("its name"),
    "origin": word("whose it is", ("built in", "yours")),
    "mistake": sometimes("there where it cannot be used", text("why, and what to do")),
    "title": sometimes(_USABLE, text("the provider's name")),
    "class": sometimes(_USABLE, word("what its proof is worth", Assurance)),
    "coverage": sometimes(_USABLE, word("how much the signature speaks for", Coverage)),
    "confidence": sometimes(_USABLE, word("how sure we are of it", ("A", "B", "C", "D"))),
    "scheme": sometimes(_USABLE, text("how it signs")),
    "refusal_status": sometimes(_USABLE, number("what a forgery hears")),
    "stale_status": sometimes(_USABLE, number("what a stale delivery hears")),
    "success_status": sometimes(_USABLE, number("what a good one hears")),
    "needs": sometimes(
        _USABLE,
        listed(
            "what a source must say beside its key",
            word("one thing", ("URL", "parameters", "fetched keys", "experimental", "hints")),
        ),
    ),
}
_OF_STATES, _OF_CODES = "there for a state", "there for an exception's code"
_OF_ACTIONS = "there for an action"
_WORD: Fields = {
    "word": text("the word"),
    "kind": text("what it is a word for: state, flag, verdict, exception, action, ..."),
    "meaning": text("in a sentence"),
    "end": sometimes(_OF_STATES, text("whether it ends there")),
    "goods": sometimes(_OF_STATES, text("whether goods may leave")),
    "books": sometimes(_OF_STATES, text("what the books may say")),
    "effect": sometimes("there for a verdict", text("what follows from it")),
    "severity": sometimes(_OF_CODES, text("1 to 4, and what that means")),
    "owner": sometimes(_OF_CODES, text("who answers for it")),
    "ends_by": sometimes(_OF_CODES, text("what ends it")),
    "by_itself": sometimes(_OF_CODES, text("whether it ends by itself")),
    "roles": sometimes(_OF_ACTIONS, text("who may")),
    "a_second_person": sometimes(_OF_ACTIONS, text("when one has to agree")),
    "reasons": sometimes(_OF_ACTIONS, text("which reasons fit")),
    "may": sometimes("there for a role", text("which actions")),
}
_EVIDENCE: Fields = {
    "format": {"const": "1", "description": "of the sheet"},
    "drill": text("which"),
    "environment": text("where it was played"),
    "version": text("of the program that was rehearsed"),
    "passed": truth("whether every check holds"),
    "checks": listed(
        "every criterion",
        shape(
            "one check",
            {
                "name": text("which"),
                "must": text("what must hold"),
                "holds": truth("whether it does"),
                "found": text("what was found"),
            },
        ),
    ),
    "moments": listed(
        "what happened", shape("one moment", {"at": moment("when"), "what": text("what")})
    ),
    "commands": listed("what was typed", text("a command")),
    "figures": mapped("what was measured", text("with its unit")),
    "affected": listed("payments and events concerned", text("one of them")),
    "residual": text("what remains to be done; empty for nothing"),
}
_REPLAYED_EVENT: Fields = {
    "event": text(EVENT),
    "event_type": text("the provider's own word"),
    "mapping": text("the table that would read it; empty for none"),
    "mapping_before": text("the table that did"),
    "verdict_before": text("what came of it"),
    "verdict": text("what would come of it"),
    "gone": listed("facts that it would state no more", ref("Fact")),
    "new": listed("facts that it would state", ref("Fact")),
    "evidence": listed("what its words are reason to look at", text("a sentence")),
}
_REPLAYED_DEPOSIT: Fields = {
    "deposit": text("the deposit"),
    "state_before": maybe(word("null where it would be new", DepositState)),
    "state": word("what it would be", DepositState),
    "payment": maybe(text(PAYMENT)),
    "amounts_before": listed("what stands", ref("Amount")),
    "amounts": listed("what would stand", ref("Amount")),
}
_REPLAY_SUM: Fields = {
    "format": const("sealgate.replay/1"),
    "is_written": truth("whether it was written"),
    "log": listed(
        "what was read of the log",
        shape(
            "one partition",
            {
                "partition": text("topic/partition"),
                "from": number("the first place"),
                "to": number("the place behind the last"),
                "oldest_left": number("the oldest place that the log still has"),
            },
        ),
    ),
    **{
        name: number(told)
        for name, told in {
            "records": "records read",
            "events_looked_at": "events that were asked for",
            "not_as_claimed": "records that a worker claimed from another place",
            "no_events": "records that are no events",
            "of_deposits": "events that tell of deposits, and are not compared",
            "no_longer_in_the_log": "events of these payments that the log has forgotten",
            "events_differing": "events that read otherwise",
            "payments_differing": "payments that would change",
            "payments_moved": "payments that would move",
        }.items()
    },
    "words": listed(
        "which words read otherwise",
        shape(
            "one word",
            {
                "provider": text("whose"),
                "event_type": text("the word"),
                "change": text("what it stated, and what it would state"),
                "events": number("how many such events"),
            },
        ),
    ),
    "exceptions_ended": listed("exceptions that end with it", text("code and subject")),
    "trouble": listed("what could not be read", text("a sentence")),
}
DEFS: Mapping[str, Schema] = {
    "Findings": shape(
        "What was looked at, and what to do.",
        {
            "environment": text("the environment"),
            "findings": listed(
                "in the order of looking",
                shape(
                    "one finding",
                    {
                        "level": word("how it is", Level),
                        "subject": text("what was looked at"),
                        "told": text("how it is, and what to do"),
                    },
                ),
            ),
            "exit_code": number("that of this command: 0, 3, 69 or 78"),
        },
    ),
    "Evidence": shape("The evidence sheet of a drill.", _EVIDENCE),
    "Glossary": shape(
        "Words of this program.",
        {
            "format": const("sealgate.glossary/1"),
            "words": listed("every sense of the word, or all words", shape("one", _WORD)),
        },
    ),
    "Profiles": shape(
        "Every provider profile.", {"items": listed("by name", shape("one profile", _PROFILE))}
    ),
    "TopicsPlan": shape(
        "What is to be done at the brokers, or was.",
        {
            "make": mapped("topics to make, with their partitions", number("partitions")),
            "set": mapped(
                "topics to change", mapped("settings, as Kafka spells them", text("the value"))
            ),
            "grant": listed(
                "rights to grant",
                shape(
                    "one right",
                    {
                        "principal": text("to whom, such as User:edge"),
                        "operation": text("which, as Kafka spells it"),
                        "kind": word("of what", ("topic", "group")),
                        "name": text("its name, or what its name begins with"),
                        "pattern": word("which of the two", ("literal", "prefixed")),
                    },
                ),
            ),
            "refused": listed("what is left to people", text("what, and why")),
        },
    ),
    "Replayed": shape(
        "A payment that reads otherwise: a line of its own.",
        {
            "format": const("sealgate.replay/1"),
            "payment": text(PAYMENT),
            "before": maybe(ref("Payment", "null where there was none")),
            "after": maybe(ref("Payment", "null where there would be none")),
            "notice": maybe(text("the type of the notice that downstream hears; null for none")),
            "cause": maybe(word("of the move; null where it does not move", Cause)),
            "deposits": listed(
                "deposits that the events tell of", shape("one deposit", _REPLAYED_DEPOSIT)
            ),
            "exceptions": shape(
                "about the payment",
                {"before": outcome("open now"), "after": outcome("open then")},
            ),
            "events": listed("that read otherwise", shape("one event", _REPLAYED_EVENT)),
        },
    ),
    "ReplaySum": shape("The sum of a replay: its last line.", _REPLAY_SUM),
}
