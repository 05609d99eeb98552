"""What a configuration says of providers' APIs: every mistake at once, and nobody's sandbox."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers import app
from consumers.fetching.port import Account
from consumers.interpret import mapping
from ingress.contract.envelope import Mode
from sealgate.check import faults
from sealgate.config import Configuration, examine
from sealgate.fetching.part import build
from sealgate.fetching.reaching import reached
from sealgate.logs import open_log
from sealgate.role import Role
from sealgate.stores import open_store
from tests.support.builders import NOW_MS

KEY = "k7f3-read-only-canary-19c2"
HEAD = """
environment = "production"
[log]
url = "embedded:./log.db"
[store]
url = "sqlite:./store.db"
"""
OWN = HEAD + '[consumer]\nmappings = "own"\n'
SOURCE = """
[[source]]
slug = "{slug}"
provider = "{provider}"
account = "main"
[[source.key]]
id = "k1"
file = "secrets/hook"
[source.fetch]
{fetch}
"""
PLAIN = 'base_url = "https://api.opennode.com"\nkey_file = "secrets/api"'


def _configured(directory: Path, *sources: tuple[str, str, str], head: str = HEAD) -> Configuration:
    (directory / "secrets").mkdir(exist_ok=True)
    for name, secret in (("hook", "hook-6a1b2c3d4e5f60718293"), ("api", KEY)):
        (directory / "secrets" / name).write_text(secret)
        (directory / "secrets" / name).chmod(0o600)
    told = [SOURCE.format(slug=slug, provider=name, fetch=fetch) for slug, name, fetch in sources]
    (directory / "sealgate.toml").write_text(head + "".join(told))
    reading = examine(directory / "sealgate.toml", {})
    assert reading.mistakes == []
    return reading.configuration


def _told(configuration: Configuration) -> list[str]:
    return [str(one) for one in faults(configuration, [Role.FETCH])]


def test_a_source_that_says_how_is_asked(tmp_path: Path) -> None:
    """The key is read, held as a secret, and in no text."""
    configuration = _configured(tmp_path, ("on", "opennode", PLAIN))
    assert _told(configuration) == []
    [one] = reached(configuration)
    assert (one.base.host, one.base.port) == ("api.opennode.com", 443)
    assert KEY not in repr(one)


def test_a_source_that_says_nothing_is_left_alone(tmp_path: Path) -> None:
    """Without it a merchant sees what he always saw: an exception that asks for a fetch."""
    (tmp_path / "sealgate.toml").write_text(HEAD)
    configuration = examine(tmp_path / "sealgate.toml", {}).configuration
    assert (reached(configuration), _told(configuration)) == ([], [])


@pytest.mark.parametrize(
    ("provider", "fetch", "message"),
    [
        ("opennode", 'base_url = "https://dev-api.opennode.com"', "the word 'dev' in its name"),
        ("opennode", 'base_url = "http://api.opennode.com"', "in the clear: write https"),
        ("opennode", 'base_url = "https://api.opennode.com/?a=b"', "no user, query or fragment"),
        ("opennode", 'base_url = "https://api.opennode.com"', "key_file: name the file"),
        ("bitpay", PLAIN.replace("opennode", "bitpay"), "is asked without a key"),
        ("stripe", PLAIN, "nobody has said how stripe is asked; known are bitpay, btcpay"),
        (
            "opennode",
            PLAIN.replace("secrets/api", "secrets/gone"),
            "key_file: the file named there cannot be read",
        ),
        (
            "opennode",
            PLAIN.replace("secrets/api", "sandbox/api"),
            "the path has the word 'sandbox' in it",
        ),
    ],
)
def test_what_is_wrong_with_it_is_told_with_what_to_do(
    tmp_path: Path, provider: str, fetch: str, message: str
) -> None:
    """A sandbox's API says that orders were paid which nobody paid."""
    told = _told(_configured(tmp_path, ("one", provider, fetch)))
    assert any(message in one for one in told), told
    assert KEY not in "".join(told)


def test_two_endpoints_of_one_account_are_asked_at_one_place(tmp_path: Path) -> None:
    """Else it would be chance which of the two places is believed."""
    other = PLAIN.replace("https://api.", "https://api2.")
    told = _told(_configured(tmp_path, ("a", "opennode", PLAIN), ("b", "opennode", other)))
    [wrong] = [one for one in told if "fetch" in one]
    assert "another source of this account is asked elsewhere" in wrong


def _parts(configuration: Configuration, registry: CollectorRegistry) -> app.Parts:
    return app.Parts(
        environment="production",
        settings=configuration.settings.consumer,
        log=open_log(configuration),
        store=open_store(configuration),
        partitions=1,
        registry=registry,
        clock=lambda: NOW_MS,
        owner="us",
        checkpoint=lambda _: None,
        mode=Mode.LIVE,
    )


def _own_mapping(directory: Path, shipped: str, place: str) -> Path:
    """Write OpenNode's mapping as an installation has it: it asks elsewhere."""
    (directory / "own").mkdir()
    text = (Path(mapping.__file__).parent / "opennode.toml").read_text("utf-8")
    assert text.count(shipped) == 1
    changed = text.replace(shipped, place).replace("version = 1\n", "version = 900\n")
    (directory / "own" / "opennode.toml").write_text(changed, "utf-8")
    return directory / "own"


async def test_an_installations_own_mapping_says_how_to_ask_and_what_the_answer_means(
    tmp_path: Path,
) -> None:
    """Webhook and answer of one provider, read by two tables, would contradict each other."""
    _own_mapping(tmp_path, "/v2/charge/{reference}", "/v9/charge/{reference}")
    configuration = _configured(tmp_path, ("on", "opennode", PLAIN), head=OWN)
    [one] = reached(configuration)
    assert one.answers.path == "/v9/charge/{reference}"
    fetching = build(configuration, _parts(configuration, CollectorRegistry()))
    assert fetching.taker.interpreters.tables["opennode"][0].name == "opennode/900"


def test_a_folder_of_mappings_that_is_wrong_is_said_once(tmp_path: Path) -> None:
    """A check that ends in a traceback tells nobody what to mend."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "opennode.toml").write_text("version = ")
    configuration = _configured(tmp_path, ("on", "opennode", PLAIN), head=OWN)
    assert [one.place for one in faults(configuration, [Role.FETCH])] == ["consumer.mappings"]


async def test_the_part_is_made_of_the_configuration(tmp_path: Path) -> None:
    """One account is asked once, however many endpoints it has, and the figures exist at zero."""
    configuration = _configured(tmp_path, ("a", "opennode", PLAIN), ("b", "opennode", PLAIN))
    registry = CollectorRegistry()
    fetching = build(configuration, _parts(configuration, registry))
    assert list(fetching.reaches) == [Account("opennode", "main")]
    labels = {"provider": "opennode", "comparison": "we_ahead"}
    assert registry.get_sample_value("sealgate_provider_reads_total", labels) == 0
