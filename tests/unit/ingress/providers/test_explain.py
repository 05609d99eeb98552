"""A profile's mistakes, as authors make them: each message names file, field and remedy."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from ingress import providers

GOOD = (files(providers) / "stripe.toml").read_text(encoding="utf-8")
NAME = r'header = "Stripe-Signature"'
MISTAKES = {
    "capitals": ('"sha256"', '"SHA256"', "or 'keccak256'; did you mean 'sha256'?"),
    "part, nearly": ("{body}", "{raw_body}", "url; did you mean {body}?"),
    "pointer, nearly": ('["/id"]', '["id"]', "query:name; did you mean '/id'?"),
    "path with dots": ('["/id"]', '["$.data.id"]', "event_key.0: '$.data.id' is no place;"),
    "path with dots, meant": ('["/id"]', '["$.data.id"]', "did you mean '/data/id'?"),
    "its table forgotten": (
        'confidence = "A"',
        'confidence = "A"\nsucess_status = 200',
        "sucess_status: there is no such field; did you mean 'answers.success_status'?",
    ),
    "a secret": (
        NAME,
        NAME + '\nsecret = "sk_live_canary"',
        "signature.secret: there is no such field; a secret stands in a file that [[source.key]]",
    ),
    "what a source says": (
        'confidence = "A"',
        'confidence = "A"\nexperimental = true',
        "experimental: there is no such field; a source says it: [[source]] in sealgate.toml",
    ),
    "a word for a list": (
        'confidence = "A"',
        'confidence = "A"\nmethods = "POST"',
        'methods: must be a list: ["POST"]',
    ),
    "parameters of another kind": (
        'confidence = "A"',
        'confidence = "A"\nparameters = "x"',
        'parameters: must be a table: { name = "value" }',
    ),
    "a thousand lists": (
        'confidence = "A"',
        'confidence = "A"\nx = ' + "[" * 5000 + "]" * 5000,
        "mine.toml: its tables or lists are nested too deeply",
    ),
    "a thousand tables": (
        'confidence = "A"',
        'confidence = "A"\n' + ".".join("a" * 3000) + " = 1",
        "mine.toml: its tables or lists are nested too deeply",
    ),
    "misspelt field": (
        NAME,
        'haeder = "X"',
        "signature.haeder: there is no such field; did you mean",
    ),
    "misspelt table": ("[identity]", "[identitiy]", "identitiy: there is no such field; did you"),
    "hash": ('"sha256"', '"sha-256"', "signature.hash: must be 'md5', "),
    "kind": ('"mac"', '"hmac"', "signature.kind: must be one of 'mac', "),
    "no kind": ('kind = "mac"\n', "", "signature.kind: is missing; say what signs: mac, asym"),
    "parser": ('"kv"', '"kvs"', "signature.parser.form: must be one of 'plain', 'kv', 'list', not"),
    "part": (
        "{timestamp}.{body}",
        "{ts}.{body}",
        "signature.message: {ts} is no part of a message; there are body, ",
    ),
    "brace": (".{body}", ".{body", "signature.message: a brace is left open; write parts as"),
    "quoted number": (
        "= 300",
        '= "300"',
        "mine.toml: freshness.window_s: must be a whole number, without quotes",
    ),
    "field of another table": (
        'unit = "s"',
        'encoding = "hex"',
        "freshness.encoding: there is no such field",
    ),
    "near, in another table": (
        NAME,
        NAME + '\ntitel = "x"',
        "signature.titel: there is no such field",
    ),
    "text for a list": (
        'event_key = ["/id"]',
        'event_key = "/id"',
        'event_key: must be a list: ["/id"]',
    ),
    "pointer": ('["/id"]', '["id"]', "identity.event_key.0: 'id' is no place; there are /json/"),
    "unsigned timestamp": ("{timestamp}.{body}", "{body}", "add {timestamp} to the message"),
    "no title": ('title = "Stripe"\n', "", "title: is missing"),
    "no evidence": (
        GOOD[GOOD.index("[[evidence]]") :],
        "",
        "evidence: is missing; say who says so",
    ),
    "date": (
        "read = 2026-11-22",
        'read = "today"',
        "evidence.0.read: must be a date, without quotes: 2026-11-22",
    ),
    "status": (
        "refusal_status = 401",
        "refusal_status = 200",
        "answers.refusal_status: must be at least 400",
    ),
    "unsigned id": ('["/id"]', '["header:x-id"]', "identity uses the header x-id, which"),
    "over-claim": ("{timestamp}.{body}", "{timestamp}.{json:/id}", "coverage is not full"),
    "type prefix": ('"com.stripe"', '"Stripe"', "type_prefix: must be small words with dots"),
    "header": (NAME, 'header = "Stripe Signature"', "signature.header: must be a header's name"),
    "two places": (NAME, NAME + '\nat = "/x"', "signature: say where it stands"),
    "no TOML": ("[freshness]", "[freshness", "not TOML: Expected ']'"),
    "parameter": (
        "[identity]",
        "[parameters.x]\ndefault = 1\n[identity]",
        "parameters.x.meaning: is missing",
    ),
}


@pytest.mark.parametrize("name", ["field of another table", "near, in another table"])
def test_only_a_field_of_that_table_is_suggested(tmp_path: Path, name: str) -> None:
    """A suggestion that is refused in its turn is worse than none."""
    old, new, _ = MISTAKES[name]
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ValueError) as told:
        providers.load_file(file)
    assert "did you mean" not in str(told.value)


def test_an_empty_profile_is_told_one_mistake_a_line(tmp_path: Path) -> None:
    """And no field of it is called a parameter."""
    file = tmp_path / "mine.toml"
    file.write_text("")
    with pytest.raises(ValueError) as told:
        providers.load_file(file)
    lines = str(told.value).splitlines()
    assert "mine.toml: title: is missing" in lines
    assert len(lines) == 7
    assert "parameters" not in str(told.value)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_names_file_field_and_remedy(tmp_path: Path, name: str) -> None:
    """An author has the file open, not the schema: the message is all the help there is."""
    old, new, expected = MISTAKES[name]
    assert old in GOOD
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ValueError) as told:
        providers.load_file(file)
    assert str(told.value).startswith("mine.toml: ")
    assert expected in str(told.value)


def test_a_list_of_mistakes_is_not_called_empty_too(tmp_path: Path) -> None:
    """Whoever has written one item would look for the second mistake, and there is none."""
    file = tmp_path / "mine.toml"
    file.write_text(re.sub(r"(?m)^read = .*$", 'read = "today"', GOOD))
    with pytest.raises(ValueError) as told:
        providers.load_file(file)
    assert "is empty" not in str(told.value)
    assert str(told.value).count("must be a date") == GOOD.count("[[evidence]]")


def test_the_mark_that_windows_editors_write_is_no_mistake(tmp_path: Path) -> None:
    """Nobody sees it, and a message about line 1, column 1 explains nothing."""
    (tmp_path / "mine.toml").write_text("\ufeff" + GOOD, encoding="utf-8")
    assert providers.load_file(tmp_path / "mine.toml").title == "Stripe"
