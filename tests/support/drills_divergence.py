"""The drill of divergence with one protection taken away: the code that does it, and what fails.

See `drills_broken` for how the code gets into every process.
"""

from collections.abc import Mapping

PROTECTIONS: Mapping[str, str] = {
    "an answer that shows less is not stated": """
from consumers.fetching import taking
taking._STATED |= {taking.Comparison.WE_AHEAD}
""",
    "a second answer, minutes later": """
from consumers.fetching import comparing
comparing.is_confirmed = lambda comparison, word, earlier, at_ms: True
""",
    "breaker": """
from consumers.fetching import comparing
comparing.is_tripped = lambda regressing, polled: False
""",
    "frozen is frozen": """
from consumers.fetching import passing
passing.is_frozen = lambda last: False
""",
    "no answer says nothing": """
from sealgate.fetching import http
http._ABSENT |= {500}
""",
    "time waits for the worker": """
from consumers.keeping_up import KeepingUp
async def look(self):
    return None
KeepingUp.look = look
""",
    "a second person": """
from consumers import freezing
freezing._check_clearing = lambda order: None
""",
    "freezes in the chain": """
from consumers.store.chain import Draft
plain = Draft.tell
def tell(self, kind, rows):
    if kind != "freezes":
        plain(self, kind, rows)
Draft.tell = tell
""",
    "what the provider shows is stated": """
from consumers.fetching import taking
taking._STATED -= {taking.Comparison.WE_BEHIND}
""",
    "every notice goes out": """
from consumers.relay import Relay
plain = Relay._publish
async def publish(self, pending):
    delivered, failures = await plain(self, [one for one in pending if one.notice.version < 3])
    return [one.sequence for one in pending], failures
Relay._publish = publish
""",
}
FAILS: Mapping[str, frozenset[str]] = {
    "an answer that shows less is not stated": frozenset(
        {"one stale answer moves nothing", "stale answers move nothing"}
    ),
    "a second answer, minutes later": frozenset({"one stale answer moves nothing"}),
    "breaker": frozenset(
        {
            "stale answers move nothing",
            "one alert",
            "the breaker trips",
            "cleared by two",
            "on record",
        }
    ),
    "frozen is frozen": frozenset({"the breaker trips"}),
    # Everything freezes before anything was amiss, and nobody expires any more.
    "no answer says nothing": frozenset(
        {
            "an API that fails moves nothing",
            "one stale answer moves nothing",
            "nothing expires unread",
            "as on a quiet day",
        }
    ),
    "time waits for the worker": frozenset({"nothing expires unread"}),
    "a second person": frozenset({"cleared by two", "on record"}),
    "freezes in the chain": frozenset({"on record"}),
    "what the provider shows is stated": frozenset({"as on a quiet day"}),
    "every notice goes out": frozenset({"all agree"}),
}
