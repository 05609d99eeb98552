"""`sealgate topics` as typed: what a file needs, and what a subscriber may be let into."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sealgate.commands.topics import topics_apply, topics_plan
from sealgate.topics.rights import Deployment, Subscriber, wanted
from sealgate.topics.users import Users

FILE = 'environment = "dev"\n[log]\nurl = "embedded:./log.db"\n'
# Nobody listens there: what is refused is refused before anybody is asked.
CLUSTER = (
    'environment = "dev"\n[log]\nurl = "kafka://127.0.0.1:9"\n[consumer]\ngroup = "shop.books"\n'
)


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> Path:
    path = tmp_path / "sealgate.toml"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize("command", [topics_plan, topics_apply])
def test_a_file_needs_no_topics_made(
    config: Path, capsys: pytest.CaptureFixture[str], command: Callable[..., int]
) -> None:
    """A pipeline that plans before it starts is the same on a laptop, and no failure there."""
    assert command(config=config) == 0
    assert "log.url is a file" in capsys.readouterr().out
    assert not (config.parent / "log.db").exists(), "and none is made"
    assert command(json=True, config=config) == 0
    assert json.loads(capsys.readouterr().out) == {
        "make": {},
        "set": {},
        "grant": [],
        "refused": [],
    }


@pytest.mark.parametrize("users", [Users("one"), Users(subscriber_user="one")])
def test_rules_of_a_file_are_nobodys(
    config: Path, capsys: pytest.CaptureFixture[str], users: Users
) -> None:
    """Who asks for a right and reads 0 believes that it is given."""
    assert topics_apply(users=users, config=config) == 3
    assert "a file knows none" in capsys.readouterr().out


def test_a_subscriber_reads_notices_in_groups_of_its_own_and_nothing_else() -> None:
    """What it is given is written out by hand: a right too many is a customer's data."""
    mine = Subscriber("shop", "shop")
    assert [str(one) for one in wanted(Deployment("prod", frozenset({"sealgate"}), {}, mine))] == [
        "User:shop READ topic payments.prod.lifecycle",
        "User:shop READ group shop",
        "User:shop READ group shop.*",
    ]
    more = mine._replace(reads_verified=True)
    assert "User:shop READ topic payments.prod.verified" in map(
        str, wanted(Deployment("prod", frozenset({"sealgate"}), {}, more))
    )


@pytest.mark.parametrize(
    ("users", "said"),
    [
        (Users(subscriber_user="shop"), "shop.books, shop.books.alarms is read by our own"),
        (Users(subscriber_user="u", subscriber_group="shop.books"), "is read by our own workers"),
        (Users(subscriber_group="books"), "--subscriber-user: name"),
        (Users(subscriber_verified=True), "--subscriber-user: name"),
    ],
)
def test_a_subscriber_is_never_let_into_our_own_groups(
    config: Path, capsys: pytest.CaptureFixture[str], users: Users, said: str
) -> None:
    """A member of the workers' group is given partitions, and their payments stand still."""
    config.write_text(CLUSTER)
    assert topics_apply(users=users, config=config) == 2
    assert said in capsys.readouterr().err
