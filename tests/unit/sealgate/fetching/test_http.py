"""The client that asks: only the merchant's host is reached, and nothing is told of the key."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web

from consumers.fetching.port import Answer, Later, NotThere, Snapshot, Trouble, Why
from consumers.store.keys import PaymentKey
from ingress.keyring import Secret
from sealgate.fetching.http import HttpFetcher, Limits, Place, is_own
from sealgate.fetching.origin import read
from sealgate.simulator.api import Mood, ProviderApi
from sealgate.simulator.api_styles import Payment
from tests.support.builders import NOW_MS

KEY = "read-only-c0ffee-canary"
ASKED = PaymentKey("opennode", "main", "ch_1")


@pytest.fixture
async def api() -> AsyncIterator[ProviderApi]:
    """Play OpenNode, with one paid charge."""
    async with ProviderApi("opennode", KEY) as made:
        made.show(Payment("ch_1", "paid", "0.00049000", "0.00049000", NOW_MS))
        yield made


def _place(url: str, *, is_private: bool = True, key: str = KEY) -> Place:
    secret = Secret(key.encode())
    header = "Authorization"
    return Place(read(url), "/v2/charge/{reference}", header, "", secret, is_private=is_private)


async def _ask(api: ProviderApi, limits: Limits | None = None, key: str = KEY) -> Answer:
    fetcher = HttpFetcher(_place(api.url, key=key), lambda: NOW_MS, limits or Limits())
    return await fetcher.fetch(ASKED, Why.HINT)


async def test_an_answer_comes_with_its_name_and_digest(api: ProviderApi) -> None:
    """Whoever doubts a move later asks the provider for that very answer."""
    answer = await _ask(api)
    assert isinstance(answer, Snapshot)
    assert answer.request_id == "req-1"
    assert answer.digest.startswith("sha256:")
    assert (answer.fetched_ms, api.asked[0].has_key) == (NOW_MS, True)


class _Says:
    """A server that answers every question with these bytes, and this name of its answer."""

    def __init__(self, body: bytes = b"{}", request_id: str = "", status: int = 200) -> None:
        self._answer = (body, request_id, status)

    async def ask(self, key: str = KEY) -> Answer:
        """Ask it once."""
        made = await asyncio.get_running_loop().create_server(
            web.Server(self._handle, access_log=None), "127.0.0.1", 0
        )
        async with made:
            url = f"http://127.0.0.1:{made.sockets[0].getsockname()[1]}"
            return await HttpFetcher(_place(url, key=key), lambda: NOW_MS).fetch(ASKED, Why.HINT)

    async def _handle(self, _: web.BaseRequest) -> web.Response:
        body, request_id, status = self._answer
        return web.Response(body=body, status=status, headers={"X-Request-Id": request_id})


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("9f1c-4711.a:b/c+d=@e_f", "9f1c-4711.a:b/c+d=@e_f"),
        ("a" * 128, "a" * 128),
        ("a" * 129, ""),
        ("<script>", ""),
        ("two words", ""),
        (KEY, ""),
        (f"key={KEY}.", ""),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
async def test_only_what_can_be_a_name_is_kept_as_one(told: str, kept: str, status: int) -> None:
    """It is stored for ever: no text of anybody's, and never the key that we had sent."""
    answer = await _Says(request_id=told, status=status).ask()
    assert isinstance(answer, Snapshot | NotThere)
    assert answer.request_id == kept


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": "secret/key-c0ffee"}',
        b'{"status": "secret\\/key-c0ffee"}',
        b'{"status": "\\u0073ecret\\u002Fkey-c0ff\\u0065e"}',
        b'{"headers": {"Authorization": "Bearer secret/key-c0ffee"}}',
    ],
)
async def test_an_answer_that_holds_our_key_is_none(body: bytes) -> None:
    """JSON has several ways to write one text, and each would be read back as the key."""
    key = "secret/key-c0ffee"
    assert await _Says(body).ask(key) == Later(Trouble.ECHOED)
    assert isinstance(await _Says(body).ask("another/key-c0ffee"), Snapshot)


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        (Mood.BROKEN, Trouble.FAILED),
        (Mood.REDIRECT, Trouble.ODD),
        (Mood.LARGE, Trouble.TOO_LARGE),
    ],
)
async def test_what_is_no_answer_is_asked_again_later(
    api: ProviderApi, mood: Mood, trouble: Trouble
) -> None:
    """A redirect leads wherever somebody else wants, with our key in the header."""
    api.mood = mood
    assert await _ask(api) == Later(trouble)
    assert [one.path for one in api.asked] == ["/v2/charge/ch_1"]


async def test_a_slow_answer_is_given_up(api: ProviderApi) -> None:
    """One provider that hangs must not hold the others up."""
    api.mood = Mood.SLOW
    assert await _ask(api, Limits(total_s=0.05)) == Later(Trouble.TIMEOUT)


async def test_whoever_is_busy_says_until_when(api: ProviderApi) -> None:
    """`Retry-After` is the provider's wish, and bounded: a day too long is a payment too late."""
    api.mood = Mood.BUSY
    assert await _ask(api) == Later(Trouble.BUSY, 7.0)
    api.retry_after_s = 10**9
    assert await _ask(api) == Later(Trouble.BUSY, 6 * 3600.0)


async def test_a_refused_key_and_an_unknown_payment_are_told_apart(api: ProviderApi) -> None:
    """A key that was revoked must not look like payments that vanished."""
    assert await _ask(api, key="another-key-0ddba11") == Later(Trouble.REFUSED)
    api.mood = Mood.NOT_FOUND
    assert isinstance(await _ask(api), NotThere)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fe80::1", "::ffff:10.0.0.7"]
)
async def test_a_name_that_leads_inside_is_not_asked(address: str) -> None:
    """Whoever answers for the name could have us ask our own network, with our key."""

    async def lead_inside(_: str) -> Sequence[str]:
        return ["93.184.216.34", address]

    place = _place("https://api.example.com", is_private=False)
    fetcher = HttpFetcher(place, lambda: NOW_MS, lookup=lead_inside)
    assert await fetcher.fetch(ASKED, Why.HINT) == Later(Trouble.UNREACHABLE)


async def test_a_host_that_is_not_said_to_be_ours_is_not_asked_inside(api: ProviderApi) -> None:
    """The one thing between a name and our own network is the judgement of its addresses."""

    async def lead_here(_: str) -> Sequence[str]:
        return ["127.0.0.1"]

    url = api.url.replace("127.0.0.1", "api.example.com")
    fetcher = HttpFetcher(_place(url, is_private=False), lambda: NOW_MS, lookup=lead_here)
    assert await fetcher.fetch(ASKED, Why.HINT) == Later(Trouble.UNREACHABLE)
    assert api.asked == []
    own = HttpFetcher(_place(url), lambda: NOW_MS, lookup=lead_here)
    assert isinstance(await own.fetch(ASKED, Why.HINT), Snapshot)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.7", True),
        ("127.0.0.1", True),
        ("fd00::7", True),
        ("169.254.169.254", False),
        ("fe80::1", False),
        ("::ffff:169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("not-an-address", False),
    ],
)
def test_of_our_own_addresses_some_are_nobodys_server(address: str, expected: bool) -> None:
    """What answers there holds the credentials of the machine, or is everybody at once."""
    assert is_own(address) is expected


async def test_even_a_host_of_our_own_is_no_credential_service() -> None:
    """Clouds keep the credentials of their machines at a link-local address."""

    async def lead_aside(_: str) -> Sequence[str]:
        return ["169.254.169.254"]

    fetcher = HttpFetcher(_place("https://btcpay.internal"), lambda: NOW_MS, lookup=lead_aside)
    assert await fetcher.fetch(ASKED, Why.HINT) == Later(Trouble.UNREACHABLE)


async def test_plain_http_goes_no_further_than_this_machine() -> None:
    """A key in the clear is everybody's on the way."""

    async def lead_next_door(_: str) -> Sequence[str]:
        return ["10.0.0.7"]

    fetcher = HttpFetcher(_place("http://btcpay.internal"), lambda: NOW_MS, lookup=lead_next_door)
    assert await fetcher.fetch(ASKED, Why.HINT) == Later(Trouble.UNREACHABLE)


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("ch_1/../../admin", "/base/v2/charge/ch_1%2F..%2F..%2Fadmin"),
        ("a?b=c#d", "/base/v2/charge/a%3Fb%3Dc%23d"),
        ("//evil.example", "/base/v2/charge/%2F%2Fevil.example"),
    ],
)
def test_what_a_payment_is_called_decides_no_path(reference: str, path: str) -> None:
    """References come from outside; a path that they could lead elsewhere would be their choice."""
    url = _place("https://api.example.com/base").url(ASKED._replace(reference=reference))
    assert url.host == "api.example.com"
    assert url.raw_path == path
    assert url.raw_query_string == ""


@pytest.mark.parametrize("reference", ["", ".", ".."])
async def test_a_reference_that_is_a_step_in_a_path_is_nobodys(
    api: ProviderApi, reference: str
) -> None:
    """A dot segment cannot be quoted: whoever normalises the path walks out of it."""
    fetcher = HttpFetcher(_place(api.url), lambda: NOW_MS)
    answer = await fetcher.fetch(ASKED._replace(reference=reference), Why.HINT)
    assert isinstance(answer, NotThere)
    assert api.asked == []


async def test_the_key_is_in_no_text(
    api: ProviderApi, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """It opens the merchant's account: no repr, no log line and no error may hold it."""
    caplog.set_level(logging.DEBUG)
    for mood in (Mood.FRESH, Mood.BROKEN, Mood.BUSY, Mood.REDIRECT):
        api.mood = mood
        told = repr(await _ask(api))
        assert KEY not in told
    assert KEY not in repr(_place(api.url)) + caplog.text + "".join(capsys.readouterr())
    assert all(KEY not in repr(one) for one in api.asked)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass@api.example.com",
        "https://api.example.com?x=1",
        "https://api.example.com/#x",
        "https://API.example.com",
        "ftp://api.example.com",
        "https://api.example.com/../x",
        "https://api.example.com:99999",
        "https://",
    ],
)
def test_an_odd_base_url_is_refused(url: str) -> None:
    """Two parsers may read an odd URL as two hosts."""
    with pytest.raises(ValueError, match=r"https://host|a port is at most"):
        read(url)


async def test_nobody_there_is_no_error(api: ProviderApi) -> None:
    """A provider that is away is what providers do: the next pass asks again."""
    url = api.url
    await api.__aexit__(None, None, None)
    await asyncio.sleep(0)
    fetcher = HttpFetcher(_place(url), lambda: NOW_MS)
    assert await fetcher.fetch(ASKED, Why.HINT) == Later(Trouble.UNREACHABLE)
