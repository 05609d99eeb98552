"""Our connection beside aiohttp's own server: nothing that one refuses is a request for the other.

The server that ours replaced has been attacked for years; what it learned must not be lost. Both
read the same bytes, and ours may refuse more, where it says why, and never take more.
"""

import asyncio
import os
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fronts import Heard, ours, reference, split
from tests.support.odd_requests import CORPUS, GET, GOOD, NEXT

# Cut into single bytes, as a network may cut anything: so aiohttp takes whatever it ever takes.
# In one piece it drops a request that has garbage behind it, and answers only the garbage.
BYTEWISE_MAX = 400
LARGE_PIECE = 61
REQUESTS_MIN = 150
# We speak no other protocol: behind a request for one the connection ends, where aiohttp reads on.
STRICTER = ("connections: upgrade b", "connections: connect")


def _bytewise(raw: bytes) -> list[bytes]:
    return split(raw, 1 if len(raw) <= BYTEWISE_MAX else LARGE_PIECE)


def _not_laxer(mine: Heard, theirs: Heard) -> None:
    """Fail if a request was taken that aiohttp did not take as it is, in this place."""
    assert mine.seen == theirs.seen[: len(mine.seen)]
    taken = [reply for reply in mine.replies if reply[1] is not None]
    assert taken == [reply for reply in theirs.replies if reply[1] is not None][: len(taken)]
    assert [number for _, number in taken] == list(range(1, len(mine.seen) + 1))


def test_the_corpus_is_large() -> None:
    """A corpus that shrank to nothing would pass as well."""
    assert len(CORPUS) >= REQUESTS_MIN
    assert len(set(CORPUS.values())) == len(CORPUS)


@pytest.mark.parametrize("name", sorted(CORPUS))
async def test_no_request_is_taken_that_aiohttp_does_not_take(name: str) -> None:
    """Smuggling is two servers that disagree: ours may be the stricter one, never the laxer."""
    raw = CORPUS[name]
    theirs = await reference(_bytewise(raw))
    for pieces, turns in (([raw], 0), ([raw], 5), (_bytewise(raw), 1), (split(raw, 7), 2)):
        mine = await ours(pieces, turns=turns)
        _not_laxer(mine, theirs)
        assert mine.is_closed or not theirs.is_closed
        if not name.startswith(STRICTER):
            assert mine.seen == theirs.seen


@pytest.mark.parametrize("name", sorted(CORPUS))
async def test_a_half_closed_connection_hears_its_answers_and_ends(name: str) -> None:
    """Some clients say at once that they send nothing more; what they sent whole still counts."""
    raw = CORPUS[name]
    theirs = await reference(_bytewise(raw))
    for pieces, turns in (([raw], 3), (split(raw, 7), 0)):
        mine = await ours(pieces, ends=True, turns=turns)
        _not_laxer(mine, theirs)
        assert mine.is_closed
        if not name.startswith(STRICTER):
            assert mine.seen == theirs.seen


def test_what_is_stricter_is_known() -> None:
    """The list is of cases that there are, and it is short: everything else is the same."""
    assert 1 < sum(name.startswith(STRICTER) for name in CORPUS) <= 12


REQUEST = st.sampled_from([GOOD, NEXT, GET, *CORPUS.values()]).filter(lambda raw: len(raw) < 400)


async def test_a_body_that_comes_while_its_request_waits_for_its_turn_is_its_body() -> None:
    """Three requests in flight, and the last bytes behind them: nothing may be left lying about."""
    raw = (GOOD + NEXT) * 3
    cuts = [raw[: len(GOOD + NEXT) * 2], raw[len(GOOD + NEXT) * 2 : -2], raw[-2:]]
    for turns in range(8):
        heard = await ours(cuts, turns=turns)
        assert [one.body for one in heard.seen] == [b"abc", b"ok"] * 3
        assert [number for _, number in heard.replies] == [1, 2, 3, 4, 5, 6]


def test_the_parser_in_python_is_refused() -> None:
    """It has let forged framing through where the one in C did not; a wheel has the one in C."""
    start = "from ingress.parser import check_parser; check_parser()"
    environment = os.environ | {"AIOHTTP_NO_EXTENSIONS": "1"}
    plain = subprocess.run([sys.executable, "-c", start], capture_output=True, check=False)
    assert plain.returncode == 0
    bare = subprocess.run(
        [sys.executable, "-c", start], capture_output=True, check=False, env=environment
    )
    assert bare.returncode == 1
    assert b"install a wheel of aiohttp" in bare.stderr


@settings(max_examples=120, deadline=None)
@given(requests=st.lists(REQUEST, min_size=1, max_size=4), data=st.data())
def test_it_does_not_matter_where_the_network_cuts(
    requests: list[bytes], data: st.DataObject
) -> None:
    """A parser that is fed in pieces has more states than one that is not."""
    raw = b"".join(requests)
    cuts = st.lists(st.integers(0, len(raw)), max_size=12)
    places = sorted({0, len(raw), *data.draw(cuts)})
    pieces = [raw[a:b] for a, b in pairwise(places)]
    turns = data.draw(st.integers(0, 4))

    async def both() -> None:
        theirs, whole = await reference(split(raw, 1)), await ours([raw])
        mine = await ours(pieces, turns=turns)
        _not_laxer(mine, theirs)
        assert (mine.seen, mine.is_closed) == (whole.seen, whole.is_closed)

    asyncio.run(both())
