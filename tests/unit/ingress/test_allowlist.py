"""Lists of addresses that providers publish: read, kept, and never lost to a bad answer."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest

from ingress import providers, sources
from ingress.allowlist import (
    ANSWER_BYTES_MAX,
    ENTRIES_MAX,
    WAIT_MAX_S,
    Access,
    Allowlists,
    Verdict,
    published,
    read,
)
from ingress.contract.envelope import Mode
from ingress.fetching import strict_fetch
from ingress.keysources.declaration import Request
from ingress.keysources.result import FetchFailed, Result
from ingress.networks import Networks
from ingress.settings import ConfigurationInvalid, EdgeSettings, KeySettings, SourceSettings
from tests.support.builders import SERVES

pytestmark = pytest.mark.looptime

STRIPE = published("stripe", "https://stripe.com/files/ips/ips_webhooks.json", ["/WEBHOOKS"], 86400)
FIRST = b'{"WEBHOOKS": ["3.18.12.63", "3.130.192.231"]}'
SECOND = b'{"WEBHOOKS": ["198.51.100.0/24"]}'
NOBODY = Networks.of([])


@dataclass(slots=True)
class Provider:
    """Answers as it is told, and counts."""

    answer: bytes | Exception = FIRST
    asked: list[str] = field(default_factory=list)
    told: list[tuple[str, Result, int]] = field(default_factory=list)

    async def __call__(self, request: Request) -> bytes:
        self.asked.append(request.address.host + request.address.path)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def note(self, provider: str, result: Result, held: int) -> None:
        self.told.append((provider, result, held))


def _lists(provider: Provider, *accesses: Access) -> Allowlists:
    lists = Allowlists(provider.note, provider)
    lists.serve(accesses)
    return lists


LISTED = Access(NOBODY, STRIPE)


async def test_before_the_first_list_nobody_is_refused() -> None:
    """A restart while the provider's site is down must not refuse the provider."""
    provider = Provider(FetchFailed(Result.TIMEOUT, "took more than 5 s"))
    lists = _lists(provider, LISTED)
    assert lists.judge(LISTED, "3.18.12.63") is Verdict.AWAITED
    lists.start()
    await asyncio.sleep(0.5)
    assert lists.judge(LISTED, "3.18.12.63") is Verdict.AWAITED
    assert lists.awaited() == ["stripe"]
    provider.answer = FIRST
    await asyncio.sleep(1)
    assert lists.judge(LISTED, "3.18.12.63") is Verdict.ALLOWED
    assert lists.judge(LISTED, "3.18.12.64") is Verdict.REFUSED
    assert lists.awaited() == []
    assert provider.told == [("stripe", Result.TIMEOUT, 0), ("stripe", Result.FETCHED, 2)]
    await lists.stop()


async def test_a_configured_network_needs_no_list() -> None:
    """The operator's own word holds whatever the provider's site does."""
    own = Access(Networks.of([ip_network("192.0.2.0/24")]), STRIPE)
    lists = _lists(Provider(FetchFailed(Result.TIMEOUT, "")), own)
    assert lists.judge(own, "192.0.2.1") is Verdict.ALLOWED
    alone = Access(own.networks, None)
    assert lists.judge(alone, "192.0.2.1") is Verdict.ALLOWED
    assert lists.judge(alone, "192.0.3.1") is Verdict.REFUSED
    assert lists.judge(alone, "") is Verdict.REFUSED


async def test_a_list_is_fetched_anew_every_day() -> None:
    """Stripe gives seven days of notice."""
    provider = Provider()
    lists = _lists(provider, LISTED)
    lists.start()
    await asyncio.sleep(1)
    provider.answer = SECOND
    await asyncio.sleep(86_399.5)
    assert lists.judge(LISTED, "198.51.100.7") is Verdict.ALLOWED
    assert lists.judge(LISTED, "3.18.12.63") is Verdict.REFUSED
    assert len(provider.asked) == 2
    await lists.stop()


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (FetchFailed(Result.UNREACHABLE, "OSError"), Result.UNREACHABLE),
        (RuntimeError("nobody thought of this"), Result.UNEXPECTED),
        (b'{"WEBHOOKS": []}', Result.UNUSABLE),
        (b'{"WEBHOOKS": ["0.0.0.0/0"]}', Result.UNUSABLE),
        (b"<html>maintenance</html>", Result.UNUSABLE),
    ],
)
async def test_a_failure_takes_no_address_away(answer: bytes | Exception, result: Result) -> None:
    """The old list is good until a better one is there, and it is tried again soon."""
    provider = Provider()
    lists = _lists(provider, LISTED)
    lists.start()
    await asyncio.sleep(1)
    provider.answer = answer
    await asyncio.sleep(86_400)
    assert provider.told[-1] == ("stripe", result, 2)
    assert lists.judge(LISTED, "3.18.12.63") is Verdict.ALLOWED
    provider.answer = SECOND
    await asyncio.sleep(WAIT_MAX_S)
    assert lists.judge(LISTED, "198.51.100.7") is Verdict.ALLOWED
    await lists.stop()


async def test_failures_are_tried_again_ever_more_slowly() -> None:
    """At first every second counts; a site that is down for a day is not knocked at for a day."""
    provider = Provider(FetchFailed(Result.STATUS, "the answer has status 500"))
    lists = _lists(provider, LISTED)
    lists.start()
    await asyncio.sleep(60)
    assert len(provider.asked) == 6  # at 0, 1, 3, 7, 15 and 31 s
    await asyncio.sleep(86_400)
    assert len(provider.asked) < 160
    await lists.stop()


async def test_sources_that_share_a_list_fetch_it_once() -> None:
    """Ten thousand merchants of one provider are no reason to ask it ten thousand times."""
    provider = Provider()
    same = published(*STRIPE[:1], "https://stripe.com/files/ips/ips_webhooks.json", *STRIPE[2:])
    lists = _lists(provider, LISTED, Access(NOBODY, same))
    lists.start()
    await asyncio.sleep(1)
    assert len(provider.asked) == 1
    await lists.stop()


async def test_a_reload_keeps_the_lists_that_stay_and_ends_the_others() -> None:
    """Nobody is put off because another source was added."""
    provider = Provider()
    lists = _lists(provider, LISTED)
    lists.start()
    await asyncio.sleep(1)
    other = Access(NOBODY, published("other", "https://other.com/ips.txt", [], 3600))
    lists.serve([LISTED, other, None])
    assert lists.judge(LISTED, "3.18.12.63") is Verdict.ALLOWED
    await asyncio.sleep(1)
    lists.serve([other])
    await asyncio.sleep(10 * 86_400)
    assert provider.asked.count("stripe.com/files/ips/ips_webhooks.json") == 1
    assert lists.judge(LISTED, "3.18.12.63") is Verdict.AWAITED
    await lists.stop()


def test_a_text_list_is_read_line_by_line() -> None:
    """Mollie's is such a list: with comments and blank lines, whatever ends a line."""
    found = read(b"# ours\r\n\r\n 87.233.229.26 \r\n23.23.0.0/16\n2001:db8::/32", [])
    assert [str(one) for one in found] == ["87.233.229.26/32", "23.23.0.0/16", "2001:db8::/32"]


def test_several_places_of_one_document_are_one_list() -> None:
    """Some write IPv4 and IPv6 apart."""
    answer = b'{"a": {"v4": ["1.2.3.4/32"], "v6": ["2001:db8::/32"]}, "other": ["9.9.9.9"]}'
    found = read(answer, ["/a/v4", "/a/v6"])
    assert [str(one) for one in found] == ["1.2.3.4/32", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("answer", "places"),
    [
        (b"", []),
        (b"# nothing\n", []),
        (b"1.2.3.4\nhooks.example.com\n", []),
        (b"\xff\xfe", []),
        (b"::/0", []),
        (b"10.0.0.0/7", []),
        (b"{}", ["/hooks"]),
        (b'{"hooks": "1.2.3.4"}', ["/hooks"]),
        (b'{"hooks": [16909060]}', ["/hooks"]),
        (b'{"hooks": ["1.2.3.4", ""]}', ["/hooks"]),
        (b'["1.2.3.4"', ["/0"]),
        (json.dumps(["1.2.3.4"] * (ENTRIES_MAX + 1)).join(['{"a":', "}"]).encode(), ["/a"]),
    ],
)
def test_a_list_is_believed_whole_or_not_at_all(answer: bytes, places: Sequence[str]) -> None:
    """Half a list would refuse the other half of a provider's machines."""
    with pytest.raises(FetchFailed) as caught:
        read(answer, places)
    assert caught.value.result is Result.UNUSABLE


@pytest.mark.parametrize(
    "url",
    ["http://a.com/ips", "https://127.0.0.1/ips", "https://a.com:8080/ips", "https://a.com/i?x=1"],
)
def test_a_list_can_only_be_at_a_plain_https_url(url: str) -> None:
    """A profile of somebody's own is no way into our network."""
    with pytest.raises(ValueError, match="plain https URL"):
        published("own", url, [], 3600)


def test_the_lists_of_the_built_in_profiles_are_where_the_evidence_says() -> None:
    """Those that a source can ask for; a wrong place would only be seen in production."""
    told = {}
    for name in providers.names():
        said = providers.load(name).declaration.addresses
        if said is not None:
            told[name] = (said.url, said.test_url, said.places)
            published(name, said.url, said.places, 3600)
    assert told == {
        "github": ("https://api.github.com/meta", "", ("/hooks",)),
        "mollie": ("https://ip-ranges.mollie.com/ips.txt", "", ()),
        "mollie_legacy": ("https://ip-ranges.mollie.com/ips.txt", "", ()),
        "paddle": (
            "https://api.paddle.com/ips",
            "https://sandbox-api.paddle.com/ips",
            ("/data/ipv4_cidrs",),
        ),
        "stripe": ("https://stripe.com/files/ips/ips_webhooks.json", "", ("/WEBHOOKS",)),
    }


def test_a_document_with_more_than_webhooks_in_it_is_not_too_large() -> None:
    """GitHub's holds every network of its build machines as well."""
    assert ANSWER_BYTES_MAX >= 4 * 200 * 1024
    assert strict_fetch(ANSWER_BYTES_MAX) is not None


Build = Callable[..., sources.Source]


@pytest.fixture(name="build")
def _build(tmp_path: Path) -> Build:
    def build(
        provider: str, mode: Mode = Mode.TEST, edge: EdgeSettings | None = None, **said: object
    ) -> sources.Source:
        (tmp_path / "key").write_bytes(b"a-secret-of-this-test")
        key = KeySettings(id="k1", file=Path("key"))
        setting = SourceSettings.model_validate(
            {"slug": "shop", "provider": provider, "key": [key], **said}
        )
        serves = SERVES._replace(mode=mode)
        origin = sources.Origin(tmp_path)
        return sources.build(serves, [setting], edge or EdgeSettings(), origin)["shop"]

    return build


def test_a_source_says_who_may_deliver(build: Build) -> None:
    """Nothing said is anybody; and what is said is an access of its own."""
    assert build("stripe").access is None
    own = build("stripe", allow=["192.0.2.0/24"]).access
    assert own == Access(Networks.of([ip_network("192.0.2.0/24")]), None)
    assert build("stripe", allow_published=True).access == LISTED


@pytest.mark.parametrize(
    ("mode", "host"),
    [(Mode.LIVE, "api.paddle.com"), (Mode.TEST, "sandbox-api.paddle.com")],
)
def test_a_test_environment_asks_for_the_test_list(build: Build, mode: Mode, host: str) -> None:
    """What the sandbox sends from has no business at the live edge, and the other way round."""
    access = build("paddle", mode, allow_published=True).access
    assert access is not None
    assert access.published is not None
    assert access.published.address.host == host


def test_a_provider_without_a_list_cannot_be_asked_for_one(build: Build) -> None:
    """To let everybody in, or nobody, would both be a surprise."""
    with pytest.raises(ConfigurationInvalid, match="write its networks into allow"):
        build("btcpay", allow_published=True)


@pytest.mark.parametrize("tls", [None, {"certificate_file": "a", "key_file": "b"}])
def test_names_of_clients_need_somebody_who_vouches_for_them(build: Build, tls: object) -> None:
    """A source that wants certificates which nobody can show would refuse its provider for ever."""
    with pytest.raises(ConfigurationInvalid, match=r"edge\.tls\.client_ca_file"):
        build("stripe", client_names=["a"], edge=EdgeSettings.model_validate({"tls": tls}))
