"""One fetch over real TLS: what a provider may answer, and how little of it can hurt."""

import asyncio
import gc
import gzip
import traceback
from collections.abc import AsyncIterator, Sequence

import pytest
import trustme

from ingress.keysources import address, fetch
from ingress.keysources.address import Address
from ingress.keysources.declaration import Request
from ingress.keysources.fetch import STRICT, Fetcher, Policy
from ingress.keysources.result import FetchFailed, Result
from tests.support.https import HttpsServer, Script, authority, https, ok, status, trusting

HOST = "keys.example.com"
PATH = "/.well-known/jwks.json"
REQUEST = Request(Address(HOST, PATH))
CANARY = "canary-credential-5f1c"
WITH_CREDENTIAL = Request(
    Address(HOST, PATH), {"Authorization": f"Bearer {CANARY}"}, f'{{"secret":"{CANARY}"}}'.encode()
)


@pytest.fixture(name="provider")
async def _provider() -> AsyncIterator[HttpsServer]:
    async with https(HOST) as running:
        yield running


async def failure(fetcher: Fetcher, request: Request = REQUEST) -> FetchFailed:
    """Return how a fetch fails."""
    with pytest.raises(FetchFailed) as failed:
        await fetcher(request)
    return failed.value


async def test_the_body_of_a_200_is_returned_as_it_came(provider: HttpsServer) -> None:
    """The way every key takes."""
    provider.answer = [ok(b'{"keys":[]}')]
    assert await provider.fetcher()(REQUEST) == b'{"keys":[]}'


async def test_a_chunked_answer_is_put_together(provider: HttpsServer) -> None:
    """Providers behind a content network answer so."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    provider.answer = [head + b"3\r\nabc\r\n", 0.01, b"3\r\ndef\r\n0\r\n\r\n"]
    assert await provider.fetcher()(REQUEST) == b"abcdef"


async def test_a_get_says_as_little_as_it_can(provider: HttpsServer) -> None:
    """No cookie, no referer, no library's version, and no invitation to compress."""
    provider.answer = [ok(b"{}", b"Set-Cookie: session=1; Path=/")]
    fetcher = provider.fetcher()
    await fetcher(REQUEST)
    await fetcher(REQUEST)
    first, second = provider.asked
    lines = first.decode().split("\r\n")
    assert lines[0] == f"GET {PATH} HTTP/1.1"
    assert sorted(line.lower() for line in lines[1:] if line) == [
        "accept-encoding: identity",
        "accept: */*",
        "connection: close",
        f"host: {HOST}:{provider.port}",
        "user-agent: sealgate",
    ]
    assert second == first
    assert provider.connections == 2


async def test_a_body_is_posted_with_its_headers(provider: HttpsServer) -> None:
    """Plaid is asked by POST, Circle with a header."""
    provider.answer = [ok(b"{}")]
    request = Request(
        Address(HOST, "/webhook_verification_key/get"),
        {"Content-Type": "application/json", "Authorization": "Bearer x"},
        b'{"key_id":"k"}',
    )
    await provider.fetcher()(request)
    (asked,) = provider.asked
    assert asked.startswith(b"POST /webhook_verification_key/get HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/json\r\n" in asked
    assert b"\r\nAuthorization: Bearer x\r\n" in asked
    assert asked.endswith(b'\r\n\r\n{"key_id":"k"}')


@pytest.mark.parametrize("code", ["301 Moved", "302 Found", "303 See Other", "307 X", "308 X"])
async def test_a_redirect_is_not_followed(provider: HttpsServer, code: str) -> None:
    """Where it leads nobody has judged: inside, to plain HTTP, or to somebody else's keys."""
    location = f"Location: https://{HOST}:{provider.port}/elsewhere".encode()
    provider.answer = [status(code, location)]
    failed = await failure(provider.fetcher())
    assert failed.result is Result.STATUS
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "code", ["201 Created", "204 No Content", "206 Partial Content", "401 X", "404 X", "500 X"]
)
async def test_only_a_200_is_an_answer(provider: HttpsServer, code: str) -> None:
    """A page that says why there is no key is not a key."""
    provider.answer = [status(code)]
    failed = await failure(provider.fetcher())
    assert failed.result is Result.STATUS
    assert code[:3] in str(failed)


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BIG = b"x" * (STRICT.answer_bytes_max + 1)


@pytest.mark.parametrize(
    "script",
    [
        [ok(BIG)],
        [HEAD + b"Content-Length: 2000000000\r\n\r\n"] + [b"x" * 65_536] * 4,
        [CHUNKED] + [b"ffff\r\n" + b"x" * 65_535 + b"\r\n"] * 4,
        [HEAD + b"Connection: close\r\n\r\n"] + [b"x" * 65_536] * 4,
    ],
    ids=["declared", "declared as huge", "chunked", "until it closes"],
)
async def test_an_answer_that_is_too_large_is_left_unread(
    provider: HttpsServer, script: Script
) -> None:
    """Memory is bounded whatever length is declared, or none."""
    provider.answer = script
    assert (await failure(provider.fetcher())).result is Result.TOO_LARGE


async def test_the_largest_answer_is_read_whole(provider: HttpsServer) -> None:
    """The limit is the first size refused."""
    provider.answer = [ok(BIG[1:])]
    assert await provider.fetcher()(REQUEST) == BIG[1:]


@pytest.mark.parametrize(
    "script",
    [
        [0.05] * 100,
        [b"HTTP/1.1 200 OK\r\n"] + [b"X-A: b\r\n", 0.05] * 100,
        [b"HTTP/1.1 100 Continue\r\n\r\n", 0.05] * 100,
        [CHUNKED] + [b"1\r\nx\r\n", 0.05] * 100,
    ],
    ids=["nothing", "headers", "informational", "body"],
)
async def test_an_answer_that_drips_is_given_up(provider: HttpsServer, script: Script) -> None:
    """The time is for the whole: no byte begins it anew."""
    provider.answer = script
    failed = await failure(provider.fetcher(total_s=0.3))
    assert failed.result is Result.TIMEOUT


async def test_a_resolver_that_hangs_is_given_up() -> None:
    """The look-up is part of the time allowed."""

    async def lookup(host: str) -> Sequence[str]:
        await asyncio.sleep(60)
        return ()

    failed = await failure(Fetcher(Policy(total_s=0.05), lookup))
    assert failed.result is Result.TIMEOUT


@pytest.mark.parametrize(
    "script",
    [
        [b"\x00\x01\x02 not http\r\n\r\n"],
        [HEAD + b"Content-Length: 10\r\n\r\nabc"],
        [CHUNKED + b"zz\r\n"],
        [HEAD + b"X: " + b"y" * 20_000 + b"\r\n\r\n"],
        [HEAD + b"".join(b"X%d: y\r\n" % i for i in range(1000)) + b"\r\n"],
        [ok(gzip.compress(b"{}"), b"Content-Encoding: gzip")],
        [ok(gzip.compress(b"x" * 10_000_000), b"Content-Encoding: gzip")],
        [ok(b"{}", b"Content-Encoding: zstd")],
        [],
    ],
    ids=[
        "no http",
        "cut short",
        "no chunk",
        "long header",
        "many headers",
        "gzip",
        "bomb",
        "zstd",
        "silence",
    ],
)
async def test_what_is_no_plain_answer_is_refused(provider: HttpsServer, script: Script) -> None:
    """Half a key set would be a key set with half the keys."""
    provider.answer = script
    failed = await failure(provider.fetcher())
    assert failed.result in {Result.MALFORMED, Result.UNREACHABLE}


async def test_a_certificate_for_another_name_is_refused() -> None:
    """Whoever stands at the address must be the one that was named."""
    async with https("other.example.com") as stranger:
        stranger.answer = [ok(b"forged")]
        failed = await failure(stranger.fetcher())
    assert failed.result is Result.TLS
    assert "not valid for" in str(failed)
    assert stranger.asked == []


async def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    """Anybody can make a certificate for a provider's name."""
    async with https(HOST, ca=trustme.CA()) as stranger:
        stranger.answer = [ok(b"forged")]
        failed = await failure(stranger.fetcher())
    assert failed.result is Result.TLS
    assert stranger.asked == []


async def test_without_a_context_the_roots_are_the_systems_own(provider: HttpsServer) -> None:
    """The default must verify: a test authority is nobody to production."""
    provider.answer = [ok(b"forged")]
    policy = Policy(provider.port, may_reach=lambda _: True)

    async def lookup(host: str) -> Sequence[str]:
        return ["127.0.0.1"]

    assert (await failure(Fetcher(policy, lookup))).result is Result.TLS


def test_nothing_is_loose_unless_somebody_says_so() -> None:
    """What a process gets without asking is what production needs."""
    assert (
        Policy(port=443, may_reach=address.is_public, total_s=5.0, answer_bytes_max=65536) == STRICT
    )


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["fd00::1"],
        ["100.64.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
    ],
)
async def test_a_name_that_leads_inside_is_not_followed(
    provider: HttpsServer, addresses: list[str]
) -> None:
    """DNS belongs to whoever owns the name; one bad address condemns the good ones beside it."""

    async def lookup(host: str) -> Sequence[str]:
        return addresses

    failed = await failure(Fetcher(Policy(provider.port), lookup))
    assert failed.result is Result.NOT_PUBLIC
    assert provider.connections == 0


async def test_the_name_is_resolved_once_and_the_judged_address_is_used(
    provider: HttpsServer,
) -> None:
    """DNS rebinding: an answer for the judge and another for the connection must be impossible."""
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.3"]]
    judged: list[str] = []

    async def lookup(host: str) -> Sequence[str]:
        assert host == HOST
        return answers.pop(0)

    def may_reach(text: str) -> bool:
        judged.append(text)
        return text == "127.0.0.1"

    provider.answer = [ok(b"{}")]
    tls = trusting(authority())
    assert await Fetcher(Policy(provider.port, may_reach), lookup, tls)(REQUEST) == b"{}"
    assert judged == ["127.0.0.1"]
    assert len(answers) == 2


async def test_a_second_address_is_tried_without_asking_again(provider: HttpsServer) -> None:
    """Of several addresses one may be down; that is no reason to ask DNS anew."""
    provider.answer = [ok(b"{}")]
    # Nobody listens there on this port.
    assert await provider.fetcher("127.0.0.9", "127.0.0.1")(REQUEST) == b"{}"


async def test_a_name_without_addresses_is_unreachable() -> None:
    """The commonest fault of all, and it must not look like another."""

    async def nothing(host: str) -> Sequence[str]:
        return ()

    async def unknown(host: str) -> Sequence[str]:
        raise OSError("Name or service not known")

    assert (await failure(Fetcher(STRICT, nothing))).result is Result.UNREACHABLE
    assert (await failure(Fetcher(STRICT, unknown))).result is Result.UNREACHABLE


async def test_nobody_listening_is_unreachable() -> None:
    """A connection refused is a label too."""
    async with https(HOST) as gone:
        fetcher = gone.fetcher()
    assert (await failure(fetcher)).result is Result.UNREACHABLE


async def test_the_systems_resolver_returns_addresses_alone() -> None:
    """What is judged must be what is connected to: numbers, each once."""
    found = await fetch.look_up("localhost")
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(set(found)) == len(found) > 0


async def test_proxies_of_the_environment_are_not_used(
    provider: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy resolves names for itself, so nothing judged here would hold."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    provider.answer = [ok(b"{}")]
    assert await provider.fetcher()(REQUEST) == b"{}"


@pytest.mark.parametrize(
    "script", [[status("403 Forbidden")], [ok(BIG)], [b"junk\r\n\r\n"], [], [60.0]]
)
async def test_a_failure_drags_no_credential_along(
    provider: HttpsServer, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    """The library's own errors carry the request, and an error ends in a log."""
    provider.answer = script
    failed = await failure(provider.fetcher(total_s=2.0), WITH_CREDENTIAL)
    assert CANARY in provider.asked[0].decode()
    shown = "".join(traceback.format_exception(failed)) + repr(failed) + repr(failed.__dict__)
    assert CANARY not in shown + caplog.text
    assert failed.__cause__ is None
    assert failed.__context__ is None


def test_a_request_shows_neither_headers_nor_body() -> None:
    """It is what somebody will print when a fetch goes wrong."""
    assert CANARY not in repr(WITH_CREDENTIAL)
    assert HOST in repr(WITH_CREDENTIAL)


async def test_a_fetch_that_is_cancelled_leaves_nothing_open(provider: HttpsServer) -> None:
    """A process that stops waits for nobody's answer."""
    provider.answer = [60.0]
    task = asyncio.create_task(provider.fetcher()(REQUEST))
    while not provider.asked:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
