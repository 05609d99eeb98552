"""What every command prints with `--json`, held against the schema of its file, both ways."""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
from jsonschema import Draft202012Validator, ValidationError

from consumers.chainwalk import Problem, Report
from ingress.eventlog.kafka_admin import Grant, Kind, Operation
from sealgate import flags
from sealgate.__main__ import COMMANDS as COMMANDS_ALONE
from sealgate.__main__ import GROUPS
from sealgate.audit.checkpoints import Checkpoint
from sealgate.audit.documents import verified
from sealgate.drills.sheet import Sheet
from sealgate.schemas.commands import COMMANDS, DEFS
from sealgate.schemas.writing import as_text, file_name
from sealgate.topics.command import as_json
from sealgate.topics.plan import Plan
from tests.support.conversation import talk
from tests.support.gallery import Place, play
from tests.support.schemas import FOLDER, Judge, read

# Their files are written beside the code that prints them, and their tests stand there too.
OF_THEIR_OWN = {"tail", "evidence"}
# Fields that no command of the conversation below printed, and why that is so.
RARE: Mapping[str, str] = {}


@pytest.fixture(scope="module", name="judge")
def _judged(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Say everything once; every answer is judged as it comes."""
    judge = Judge({command: read(file_name(command).removesuffix(".json")) for command in COMMANDS})

    async def ask_the_edge(place: Place) -> None:
        asked = ("keys", "status", "--json", "--admin", place.running.admin_url)
        judge.judge("keys status", (await place.typed(*asked)).out)

    place = play(tmp_path_factory.mktemp("schemas"), ask_the_edge)
    talk(place, judge)
    one = Grant("User:edge", Kind.TOPIC, "payments.live.verified", Operation.WRITE)
    planned = Plan({"a": 6}, {"b": {"retention.ms": "1"}}, (one,), ("c has 3",))
    for command in ("topics plan", "topics apply"):
        judge.judge(command, as_json(planned))
    judge.judge("drill", _sheet().json().decode())
    judge.judge("audit verify", json.dumps(_audited()))
    return judge


def _audited() -> dict[str, Any]:
    """Write what an audit finds where a chain, a table and a checkpoint are wrong."""
    seen = Checkpoint("live", 2, 1_767_225_600_000, "", 0, ())
    found = Report(entries=7, heads={"operator": 6}, rows={"anomaly": 1})
    found.problems = [
        Problem("operator", 3, "entry 3 is not there"),
        Problem("", None, "anomaly: no entry names this row", "anomaly"),
    ]
    return verified(found, [seen], ["checkpoint 1 is not there"], seen, "live", seen.at_ms)


def _sheet() -> Sheet:
    """Write an evidence sheet as a drill does, which takes many processes."""
    sheet = Sheet("duplicate-delivery", "drill", {"once": "each effect happened once"})
    sheet.note(1_767_225_600_000, "everything was sent again")
    sheet.check("once", "62 of 62", holds=True)
    sheet.commands.append("sealgate payments list")
    sheet.affected.append("btcpay/shop/inv-1")
    sheet.figures["deliveries"] = "62"
    return sheet


def test_every_shape_that_a_command_may_print_was_printed(judge: Judge) -> None:
    """A refusal is an answer too: a script has to read it."""
    assert judge.promised() - judge.given == set()


def test_every_field_that_a_schema_names_was_printed_or_is_rare_for_a_reason(judge: Judge) -> None:
    """A field that is never there is a promise that nobody keeps."""
    assert judge.told() - judge.seen == RARE.keys()


def test_a_field_more_or_less_is_found() -> None:
    """Objects are closed, or the judge would see nothing."""
    judge = Judge({"freeze show": read("freeze-show")})
    good = {"format": "sealgate.freeze/1", "is_frozen": False, "words": []}
    judge.judge("freeze show", json.dumps(good))
    for wrong in ({**good, "new": 1}, {"format": good["format"]}, {**good, "is_frozen": "no"}):
        with pytest.raises(ValidationError):
            judge.judge("freeze show", json.dumps(wrong))


def test_every_command_with_json_has_a_schema_and_every_schema_a_command() -> None:
    """A new command has to say what it prints."""
    assert {name for name, run in _commands() if _has_json(run)} == COMMANDS.keys() | OF_THEIR_OWN
    written = {file.name for file in FOLDER.glob("*.json")}
    assert written == {file_name(name) for name in COMMANDS.keys() | OF_THEIR_OWN}


def test_every_shape_is_printed_by_a_command() -> None:
    """What nothing points to is left over."""
    used = {name for command in COMMANDS for name in json.loads(as_text(command))["$defs"]}
    assert used == DEFS.keys()


def test_every_file_is_what_the_code_says() -> None:
    """`make docs` was run after the last change."""
    for command in COMMANDS:
        assert (FOLDER / file_name(command)).read_text("utf-8") == as_text(command)


def test_every_schema_is_one_by_its_own_standard() -> None:
    """JSON Schema 2020-12 has a schema of schemas; all shapes of ours are looked at once."""
    ours = {**read("payments-list"), "$defs": dict(DEFS)}
    for schema in (ours, *map(read, OF_THEIR_OWN)):
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        Draft202012Validator.check_schema(schema)


def test_every_field_says_what_it_is() -> None:
    """A schema is read by people before it is read by programs."""
    for at, field in _properties(dict(DEFS), ""):
        assert field.get("description") or "$ref" in field or "const" in field, at


def _properties(shape: Any, at: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(shape, Mapping):
        if shape.get("type") == "object":
            for name, part in shape.get("properties", {}).items():
                yield f"{at}.{name}", part
        for name, part in shape.items():
            yield from _properties(part, f"{at}.{name}")
    elif isinstance(shape, list):
        for part in shape:
            yield from _properties(part, at)


def _commands() -> Iterator[tuple[str, Callable[..., int]]]:
    for run in COMMANDS_ALONE:
        yield run.__name__.replace("_", "-"), run
    for word, group in GROUPS.items():
        for name, run in group.commands.items():
            yield f"{word} {name}", run


def _has_json(run: Callable[..., int]) -> bool:
    """Look for the flag: of its own, or among those that it shares with others."""
    hints = get_type_hints(run, localns=vars(flags), include_extras=False)
    shared = [kind for hint in hints.values() for kind in (hint, *get_args(hint))]
    names = {
        field.name
        for kind in shared
        if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")
        for field in fields(kind)
    }
    return "json" in inspect.signature(run).parameters or "json" in names
