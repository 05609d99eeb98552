"""What figures prove: every claim can fail, can want for more, and can be proven.

The figures are made by hand, and what they must come to is read off the claim's sentence.
"""

import pytest

from consumers.facts import Fact, FactKind
from consumers.fulfilment import NONE_YET
from consumers.lifecycle import State
from consumers.store.port import Cause, Payment, PaymentKey
from consumers.store.proving import At, EventCount, ItemCount, MoveCount, Noted, PostingCount
from consumers.weighing import STRICT
from sealgate.evidence import judging
from sealgate.evidence.claims import CLAIMS, Finding, Proof, Verdict
from sealgate.evidence.paper import markdown
from sealgate.evidence.report import Gateway, Named, Report, digest
from sealgate.tail.proving import Word

NOW_MS = 1_767_225_600_000
PAYMENT = PaymentKey("btcpay", "shop", "inv-1")
SPOILT = [At(PAYMENT, 2)]
SOURCES = {"shop": ["urn:sealgate:sandbox:shop"]}


def events(
    key: str = "k1", verdict: str = "applied", assurance: str = "B", source: str = "shop"
) -> EventCount:
    """Count three events of a source."""
    uri = f"urn:sealgate:sandbox:{source}"
    return EventCount("btcpay", uri, key, assurance, verdict, 3, NOW_MS, NOW_MS + 9)


def moves(before: State | None, after: State, cause: Cause = Cause.EVENT) -> MoveCount:
    """Count two transitions."""
    return MoveCount(before, after, cause, "btcpay/4", "v1", 2, NOW_MS, NOW_MS + 9)


def items(status: str = "open", severity: int = 3, by: str = "", nameless: int = 0) -> ItemCount:
    """Count one exception."""
    return ItemCount("AMOUNT_UNDER", severity, status, by, 1, NOW_MS, NOW_MS, 0, nameless)


def drills(
    *names: str, passed: bool = True, version: str = "1.0"
) -> list[tuple[Noted, dict[str, object]]]:
    """Write drills down."""
    noted = Noted("DR-1", "ann", "drill_passed", "", NOW_MS)
    return [
        (noted, {"drill": name, "passed": passed, "version": version, "sheet": "sha256:00"})
        for name in names
    ]


def payment(state: State) -> Payment:
    """Make a payment of which it is known that it was asked for, and nothing else."""
    asked = Fact(FactKind.EXPECTED, "", "EUR", 4900, whole=False, late=False, at_ms=0)
    return Payment(PAYMENT, state, 1, frozenset({asked}), NOW_MS, None, NONE_YET)


ALL_DRILLS = drills(*judging.DRILLS)
_S = State
URI = "urn:sealgate:sandbox:shop"
# The last of the events was received at 9 ms, and clocks may differ by a minute.
OVER = {(URI, "k1"): NOW_MS + 9 - 60_000}
BARELY = {(URI, "k1"): NOW_MS + 10 - 60_000, (URI, "k2"): 0}
PROVEN = [
    judging.verified([events()], SOURCES, BARELY),
    judging.verified([events(), events(verdict="superseded")], SOURCES),
    judging.verified([events(), events("none", assurance="E")], SOURCES),
    judging.verified_again({Word.PROVEN: 2, Word.KEYLESS: 1, Word.HINT: 1}, [], ""),
    judging.refused({("shop", "signature_mismatch"): 2}, 0),
    judging.moved_once([events()], []),
    judging.declared([moves(None, _S.PENDING), moves(_S.PENDING, _S.PAID)]),
    # Only an operator's correction returns a payment to Pending.
    judging.declared([moves(_S.PAID, _S.PENDING, Cause.VOID)]),
    judging.connected(2, [], []),
    judging.reduced([payment(_S.PENDING)], STRICT, ()),
    judging.reduced([payment(_S.PAID)], STRICT, {"btcpay/shop/inv-1"}),
    judging.closed([items(), items("auto_resolved"), items("resolved", by="ann")]),
    judging.closed([items("resolved", by="ann")]),
    judging.severe({}),
    judging.severe({("AMOUNT_UNDER", 3): 9}),
    judging.drilled(ALL_DRILLS, "1.0"),
    judging.connected_events(2, []),
    judging.told(2, (1, 1), []),
    judging.posted([PostingCount("btcpay", "EUR", 1, NOW_MS, NOW_MS)], []),
]
NOT_YET = [
    judging.verified([], SOURCES),
    judging.verified([events("")._replace(provider="sealgate", source="sealgate")], SOURCES),
    judging.verified([events(source="other")], SOURCES),
    judging.verified([events()], {}),
    judging.verified_again({}, [], ""),
    judging.verified_again({Word.KEYLESS: 1, Word.HINT: 1}, [], ""),
    judging.verified_again({Word.PROVEN: 9, Word.KEYLESS: 1}, [], "", unknown=1),
    judging.verified_again({}, [], "a key file is not there"),
    judging.refused({}, 0),
    judging.moved_once([], []),
    judging.declared([]),
    judging.connected(0, [], []),
    judging.reduced([], STRICT, ()),
    judging.reduced([payment(_S.PAID)], STRICT, ()),
    judging.closed([]),
    judging.closed([items()]),
    # The gate asks whether people have worked one, and facts alone ended this one.
    judging.closed([items(), items("auto_resolved")]),
    judging.severe({("ENV_MISMATCH", 1): 1}),
    judging.drilled([], "1.0"),
    judging.drilled(ALL_DRILLS, "1.1"),
    judging.drilled(ALL_DRILLS[1:], "1.0"),
    judging.connected_events(0, []),
    judging.told(2, (2, 0), []),
    judging.posted([], []),
]
FAILED = [
    judging.verified([events()], SOURCES, OVER),
    judging.verified([events(""), events()], SOURCES),
    judging.verified([events("none"), events()], SOURCES),
    judging.verified_again({Word.PROVEN: 9, Word.FAILED: 1}, ["btcpay/shop/e9"], ""),
    judging.moved_once([events()], SPOILT),
    judging.declared([moves(_S.PAID, _S.PENDING)]),
    judging.declared([moves(_S.CONFIRMED, _S.EXPIRED, Cause.TIMER)]),
    judging.connected(2, SPOILT, []),
    judging.connected(2, [], SPOILT),
    judging.closed([items("resolved", nameless=1)]),
    # Of each drill the last one counts: it stands first.
    judging.drilled([*drills("divergence", passed=False), *ALL_DRILLS], "1.0"),
    judging.connected_events(2, SPOILT),
    judging.told(2, (0, 2), SPOILT),
    judging.posted([], SPOILT),
]


@pytest.mark.parametrize("found", PROVEN, ids=lambda found: found.name)
def test_what_the_figures_show_is_proven(found: Finding) -> None:
    """A report that never says yes is signed by nobody."""
    assert (found.verdict, found.why) == (Verdict.PROVEN, "")


@pytest.mark.parametrize("found", NOT_YET, ids=lambda found: found.name)
def test_too_little_proves_nothing_and_says_what_would(found: Finding) -> None:
    """An empty gateway must not pass for one that works."""
    assert found.verdict is Verdict.NOT_YET
    assert found.why


@pytest.mark.parametrize("found", FAILED, ids=lambda found: found.name)
def test_what_contradicts_a_claim_fails_it(found: Finding) -> None:
    """A claim that nothing could contradict would be no claim."""
    assert found.verdict is Verdict.FAILED
    assert found.why


def test_a_contradiction_names_its_payments() -> None:
    """Whoever has to look must know where."""
    places = [At(PAYMENT._replace(reference=f"inv-{number}"), 1) for number in range(1, 6)]
    found = judging.posted([], places)
    assert "btcpay/shop/inv-1, btcpay/shop/inv-2, btcpay/shop/inv-3 and 2 more" in found.why


def test_a_long_table_is_cut_and_says_so() -> None:
    """A report of a thousand rows is not read."""
    found = judging.refused({("shop", f"reason-{number}"): 1 for number in range(100)}, 0)
    assert len(found.looked_at) == judging.LISTED_MAX + 1
    assert found.looked_at[-1] == ("and more", "61 rows")


def report(*findings: Finding) -> Report:
    """Make a report of a gateway with one key."""
    key = Named("shop", "btcpay", "k1", "active")
    gateway = Gateway("sandbox", "test", "1.0", digest(b"settings"), "", ["btcpay/4"], [key])
    return Report(gateway, NOW_MS, findings, ["something was bounded"])


def all_proven() -> list[Finding]:
    """Find every claim proven."""
    return [Finding(claim.name, Verdict.PROVEN) for claim in CLAIMS]


def test_only_a_report_in_which_all_is_proven_ends_with_0() -> None:
    """A pipeline reads the exit code and nothing else."""
    assert report(*all_proven()).exit_code == 0
    for place, claim in enumerate(CLAIMS):
        found = all_proven()
        found[place] = Finding(claim.name, Verdict.NOT_YET, why="wanting")
        assert report(*found).exit_code == 3
        assert report(*found).verdict(claim.section) is Verdict.NOT_YET


def test_a_claim_that_nobody_looked_at_is_there_and_not_proven() -> None:
    """What is left out of a report must not look as if it had never been claimed."""
    told = report().document()
    claims = [claim for section in told["sections"] for claim in section["claims"]]
    assert [claim["claim"] for claim in claims] == [claim.name for claim in CLAIMS]
    assert {claim["verdict"] for claim in claims} == {"not_proven_yet"}
    assert {claim["why"] for claim in claims} == {"nobody looked at it"}
    with pytest.raises(ValueError, match="nobody claims strange"):
        report(Finding("strange", Verdict.PROVEN)).document()


def test_one_failure_outweighs_all_that_is_proven() -> None:
    """The word at the top is the worst one below it."""
    found = [*all_proven()[1:], Finding(CLAIMS[0].name, Verdict.FAILED, why="look")]
    text = markdown(report(*found).document(), "sha256:00")
    assert text.startswith("# Evidence of sandbox: FAILED\n")
    assert "## 1. Signature verification: FAILED" in text
    assert "## 2. Idempotency: proven" in text
    assert "- to do: look" in text


def test_a_text_from_outside_cannot_forge_the_page() -> None:
    """A provider chooses references: none may end a table or write a heading."""
    evil = "x | **proven** |\n## 9. All is well <b>"
    found = Finding(CLAIMS[0].name, Verdict.FAILED, ((evil, evil),), evil)
    lines = markdown(report(found).document(), "sha256:00").splitlines()
    assert sum(line.startswith("## ") for line in lines) == 7
    assert not any(line.startswith("## 9") or "<b>" in line for line in lines)
    (row,) = [line for line in lines if line.startswith("| x ")]
    assert row.replace("\\|", "").count("|") == 3


def test_the_two_kinds_of_proof_are_named_in_every_claim() -> None:
    """What was rehearsed must not be read as what happened."""
    text = markdown(report(*all_proven()).document(), "sha256:00")
    own = sum(claim.proof is Proof.RECORDS for claim in CLAIMS)
    assert text.count("- proof: this gateway's own log and database") == own
    assert text.count("- proof: a throw-away gateway") == len(CLAIMS) - own
