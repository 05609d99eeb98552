"""Where a text stands: one spelling for it, and what is found there in a delivery."""

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import lexemes
from ingress.schemes.parts.places import Kind, Place, parse
from ingress.schemes.parts.view import View


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/data/id", Place(Kind.JSON, tokens=("data", "id"))),
        ("/a~1b/~0", Place(Kind.JSON, tokens=("a/b", "~"))),
        ("/", Place(Kind.JSON, tokens=("",))),
        ("header:x-id", Place(Kind.HEADER, "x-id")),
        ("header:X-Id", Place(Kind.HEADER, "x-id")),
        ("header:x-sig-*", Place(Kind.HEADER, "x-sig-*")),
        ("header:a" + "b" * 63, Place(Kind.HEADER, "a" + "b" * 63)),
        ("form:hashed_order", Place(Kind.FORM, "hashed_order")),
        ("form:Case[0]", Place(Kind.FORM, "Case[0]")),
        ("query:hub.mode", Place(Kind.QUERY, "hub.mode")),
        ("query:" + "q" * 64, Place(Kind.QUERY, "q" * 64)),
    ],
)
def test_a_place_is_read(text: str, place: Place) -> None:
    """Every profile names its places so."""
    assert parse(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "data/id",
        "/a~2",
        "header:",
        "header",
        "header:9x",
        "header:x_id",
        "header:x id",
        "header:*",
        "header:a" + "b" * 64,
        "form:",
        "form",
        "form:a b",
        "form:caf\u00e9",
        "query:" + "q" * 65,
        "cookie:x",
        "json:/a",
        ":x",
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    """A misspelt place would be looked for for ever, and nothing found."""
    with pytest.raises(ValueError, match=r"JSON pointer|is no place; there are /json/pointer"):
        parse(text)


@pytest.mark.parametrize("text", ["/data/a~1b", "header:x-id", "form:id", "query:q"])
def test_a_place_is_written_as_it_is_read(text: str) -> None:
    """Errors and rules compare places by their spelling."""
    assert str(parse(text)) == text


def test_only_a_header_has_a_headers_name() -> None:
    """What is kept with an event is chosen by it."""
    assert parse("header:X-Id").header == b"x-id"
    assert [parse(text).header for text in ("/id", "form:id", "query:id")] == [b"", b"", b""]


DELIVERY = Delivery(
    "shop",
    "POST",
    b"q=1&twice=a&twice=b&e=",
    ((b"x-id", b" m1 "), (b"x-two", b"a"), (b"x-two", b"b")),
    b'{"id":7,"none":null,"list":[1],"yes":true,"text":"\xc3\xa9"}',
    0,
)
FORM = Delivery("shop", "POST", b"", (), b"id=7&twice=a&twice=b&text=%C3%A9", 0)


@pytest.mark.parametrize(
    ("delivery", "place", "found"),
    [
        (DELIVERY, "header:x-id", b"m1"),
        (DELIVERY, "header:x-none", None),
        (DELIVERY, "query:q", "1"),
        (DELIVERY, "query:e", ""),
        (DELIVERY, "query:id", None),
        (DELIVERY, "/id", "7"),
        (DELIVERY, "/none", ""),
        (DELIVERY, "/yes", "true"),
        (DELIVERY, "/list", None),
        (DELIVERY, "/list/0", "1"),
        (DELIVERY, "/list/1", None),
        (DELIVERY, "/id/x", None),
        (FORM, "form:id", "7"),
        (FORM, "form:q", None),
    ],
)
def test_a_text_is_found_where_it_stands(
    delivery: Delivery, place: str, found: str | bytes | None
) -> None:
    """And only there: a form is no query, and a header no form."""
    assert View(delivery).find(parse(place)) == found


@pytest.mark.parametrize(
    ("delivery", "place", "text"),
    [
        (DELIVERY, "header:x-id", b"m1"),
        (DELIVERY, "/text", b"\xc3\xa9"),
        (FORM, "form:text", b"\xc3\xa9"),
        (DELIVERY, "/none", b""),
    ],
)
def test_a_text_is_utf_8_bytes(delivery: Delivery, place: str, text: bytes) -> None:
    """A signature is over bytes."""
    assert View(delivery).text(parse(place)) == text


@pytest.mark.parametrize(
    ("delivery", "place", "reason"),
    [
        (DELIVERY, "header:x-none", Reason.HEADER_MISSING),
        (DELIVERY, "header:x-two", Reason.HEADER_DUPLICATED),
        (DELIVERY, "query:none", Reason.HEADER_MISSING),
        (DELIVERY, "query:twice", Reason.HEADER_DUPLICATED),
        (FORM, "form:none", Reason.HEADER_MISSING),
        (FORM, "form:twice", Reason.HEADER_DUPLICATED),
        (DELIVERY, "/list", Reason.HEADER_MISSING),
        (FORM, "/id", Reason.BODY_MALFORMED),
    ],
)
def test_where_no_single_text_stands_there_is_a_refusal(
    delivery: Delivery, place: str, reason: Reason
) -> None:
    """Of two values an attacker may have added one."""
    with pytest.raises(Rejected) as refused:
        View(delivery).text(parse(place))
    assert refused.value.reason is reason


def test_each_part_is_taken_apart_once() -> None:
    """A delivery is read several times, and parsed for the first."""
    view = View(DELIVERY)
    assert view.json is view.json
    assert view.query is view.query
    form = View(FORM)
    assert form.form is form.form
    assert form.form == [("id", "7"), ("twice", "a"), ("twice", "b"), ("text", "\u00e9")]


def test_pointers_may_count_from_a_value_inside() -> None:
    """Of a list whose items are signed each by itself; `false` is a value like any other."""
    view = View(DELIVERY)
    root = lexemes.parse(b'{"id":"inner"}')
    assert view.find(parse("/id"), root) == "inner"
    assert view.text(parse("/id"), root) == b"inner"
    assert view.json_text(("id",), root) == "inner"
    assert view.json_text(("id",)) == "7"
    assert view.json_text(("id",), False) is None


def test_a_path_of_another_language_is_guessed() -> None:
    """Most people know such a path, and one example is worth the page about pointers."""
    meant = {
        "id": "/id",
        "data.id": "/data/id",
        "$.data.id": "/data/id",
        "data.0.id_2": "/data/0/id_2",
        "$.": None,
        "data..id": None,
        "0id": None,
        "data[0].id": None,
        "cookie:id": None,
    }
    for text, pointer in meant.items():
        with pytest.raises(ValueError, match="is no place") as refused:
            parse(text)
        hint = "" if pointer is None else f"; did you mean '{pointer}'?"
        assert str(refused.value).endswith("form:name and query:name" + hint), text
