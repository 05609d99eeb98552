"""What a signature speaks for: each part of a template, by bytes worked out by hand."""

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import lexemes, simple
from ingress.schemes.parts.message import compile_message
from ingress.schemes.parts.scope import Covers, Scope
from ingress.schemes.parts.view import View

URL = "https://shop.example/pay/hook?tenant=7"
JSON = b'{"b":1e-7,"a":{"d":"x/y","c":[true,null]},"n":null,"t":true,"s":"caf\xc3\xa9"}'
FORM = b"id=22b1&status=paid+now&empty=&id2=%C3%A9"
NO_FIELDS: dict[bytes, list[bytes]] = {}


def _delivery(
    *headers: tuple[bytes, bytes],
    body: bytes = b"",
    method: str = "POST",
    query: bytes = b"",
    url: str = URL,
) -> Delivery:
    return Delivery("shop", method, query, headers, body, 1_760_000_000_000, url)


def _pieces(
    template: str,
    delivery: Delivery,
    fields: dict[bytes, list[bytes]] = NO_FIELDS,
    root: lexemes.Node | None = None,
) -> tuple[bytes, ...]:
    return compile_message(template).render(Scope(View(delivery), b"007", fields, root))


def _refusal(
    template: str, delivery: Delivery, fields: dict[bytes, list[bytes]] = NO_FIELDS
) -> Reason:
    with pytest.raises(Rejected) as refused:
        _pieces(template, delivery, fields)
    return refused.value.reason


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{body}", JSON),
        ("{timestamp}.{body}", b"007." + JSON),
        ("v0:{header:x-id}:{timestamp}\ufeff", b"v0:m1:007\xef\xbb\xbf"),
        ("{method}{path}", b"POST/pay/hook"),
        ("{url}", b"https://shop.example/pay/hook?q=1&r=%20"),
        ("{url:port}", b"https://shop.example:443/pay/hook?q=1&r=%20"),
        ("{url:no-port}", b"https://shop.example/pay/hook?q=1&r=%20"),
        ("{body_or_query}", JSON),
        ("{body_or_url}", JSON),
        ("{json:/a/d}", b"x/y"),
        ("{json:/b}", b"1e-7"),
        ("{json:/a/c/0}", b"true"),
        ("{json:/n}", b""),
        ("{json:/s}", b"caf\xc3\xa9"),
        ("{json?:/s}", b"caf\xc3\xa9"),
        ("{json?:/missing}|{json?:/a}", b"|"),
        ("{query:q}", b"1"),
        ("{query:r}", b" "),
        (
            "{json_sorted:rebuilt}",
            b'{"a":{"c":[true,null],"d":"x/y"},"b":1e-7,"n":null,"s":"caf\xc3\xa9","t":true}',
        ),
        ("{json_sorted:received}", JSON),
        (
            "{json_without:a,php}",
            b'{"b":1e-7,"n":null,"t":true,"s":"caf\xc3\xa9"}',
        ),
        (
            "{json_without:a,python}",
            rb'{"b":1e-07,"n":null,"t":true,"s":"caf\u00e9"}',
        ),
        (
            "{json_without:a,php,base64}",
            b"eyJiIjoxZS03LCJuIjpudWxsLCJ0Ijp0cnVlLCJzIjoiY2Fmw6kifQ==",
        ),
    ],
)
def test_a_part_stands_for_bytes_of_the_delivery(template: str, expected: bytes) -> None:
    """One byte off, and nothing that the provider ever sends verifies."""
    delivery = _delivery((b"x-id", b" m1\t"), body=JSON, query=b"q=1&r=%20")
    assert _pieces(template, delivery) == (expected,)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{form:id}", b"22b1"),
        ("{form:status}", b"paid now"),
        ("{form:empty}", b""),
        ("{form:id2}", b"\xc3\xa9"),
        ("{form_sorted}", b"emptyid22b1id2\xc3\xa9statuspaid now"),
        (
            "{form_php:status}",
            b'a:3:{s:5:"empty";s:0:"";s:2:"id";s:4:"22b1";s:3:"id2";s:2:"\xc3\xa9";}',
        ),
    ],
)
def test_a_form_is_read_as_its_provider_reads_it(template: str, expected: bytes) -> None:
    """Names and values as they were meant, not as they were escaped."""
    assert _pieces(template, _delivery(body=FORM)) == (expected,)


@pytest.mark.parametrize(
    ("template", "query", "expected"),
    [
        ("{body_or_query}", b"a=1&b=%20", b"?a=1&b=%20"),
        ("{body_or_query}", b"", b"?"),
        ("{body_or_url}", b"a=1&b=%20", b"https://shop.example/pay/hook?a=1&b=%20"),
        ("{body_or_url}", b"", b"https://shop.example/pay/hook"),
        ("{method}", b"", b"GET"),
    ],
)
def test_of_a_get_the_query_is_signed(template: str, query: bytes, expected: bytes) -> None:
    """It is the content; a body that comes along is nobody's."""
    delivery = _delivery(body=b"unsigned", method="GET", query=query)
    assert _pieces(template, delivery) == (expected,)


def test_the_checksum_is_that_of_everybody() -> None:
    """The check value of CRC-32 (ISO 3309): of the digits 1 to 9, in decimal."""
    assert _pieces("{crc32}", _delivery(body=b"123456789")) == (b"3421780262",)


def test_the_secret_parts_a_message_where_it_stands() -> None:
    """Whoever puts it in does so without a copy of the message that could be shown."""
    delivery = _delivery(body=b"B")
    assert _pieces("{body}{secret}", delivery) == (b"B", b"")
    assert _pieces("{secret}{body}", delivery) == (b"", b"B")
    assert _pieces("a{secret}{body}b{secret}c", delivery) == (b"a", b"Bb", b"c")


def test_pointers_count_from_the_item_that_carries_the_signature() -> None:
    """Adyen signs every item of a list by itself."""
    body = b'{"items":[{"x":"1"},{"x":"2"}]}'
    item = lexemes.find(lexemes.parse(body), ("items", "1"))
    assert not isinstance(item, lexemes.Missing)
    assert _pieces("{json:/x}{json?:/y}{json?:/x}", _delivery(body=body), root=item) == (b"22",)


@pytest.mark.parametrize(
    ("template", "delivery", "reason"),
    [
        ("{header:x-id}", _delivery(), Reason.HEADER_MISSING),
        ("{header:x-id}", _delivery((b"x-id", b"")), Reason.HEADER_MALFORMED),
        ("{header:x-id}.", _delivery((b"x-id", b"a.b")), Reason.HEADER_MALFORMED),
        ("{header:x-id}", _delivery((b"x-id", b"a"), (b"x-id", b"b")), Reason.HEADER_DUPLICATED),
        ("{json:/x}", _delivery(body=b"{}"), Reason.HEADER_MISSING),
        ("{json:/x}", _delivery(body=b'{"x":{}}'), Reason.HEADER_MISSING),
        ("{json:/x}", _delivery(body=b"{"), Reason.BODY_MALFORMED),
        ("{json?:/x}", _delivery(body=b"{"), Reason.BODY_MALFORMED),
        ("{form:x}", _delivery(body=b"y=1"), Reason.HEADER_MISSING),
        ("{form:x}", _delivery(body=b"x=1&x=2"), Reason.HEADER_DUPLICATED),
        ("{query:x}", _delivery(query=b"x=1&x=2"), Reason.HEADER_DUPLICATED),
        ("{json_sorted:stable}", _delivery(body=b'{"a":1,"a":2}'), Reason.BODY_MALFORMED),
        ("{json_without:sign,php}", _delivery(body=b"{}"), Reason.BODY_MALFORMED),
        ("{form_php:sig}", _delivery(body=b"a=1"), Reason.HEADER_MISSING),
        ("{field:h}", _delivery(), Reason.HEADER_MALFORMED),
    ],
)
def test_what_a_message_lacks_is_a_refusal(
    template: str, delivery: Delivery, reason: Reason
) -> None:
    """An absent part must not be signed as if it were empty, and is no error of ours."""
    assert _refusal(template, delivery) is reason


def test_a_header_may_hold_what_does_not_end_it() -> None:
    """Only the literal right behind it could be mistaken for its end."""
    delivery = _delivery((b"x-id", b"a.b"))
    assert _pieces("{header:x-id}:.", delivery) == (b"a.b:.",)
    assert _pieces(".{header:x-id}", delivery) == (b".a.b",)
    assert _pieces("{header:x-id}{timestamp}", delivery) == (b"a.b007",)


COVERED = (
    (b"x-a", b"1"),
    (b"x-b", b" 2 "),
    (b"x-empty", b""),
    (b"x-twice", b"3"),
    (b"x-twice", b"3"),
)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (b"x-a", b"x-a|1"),
        (b"x-b x-a", b"x-b x-a|2.1"),
        (b"x-a x-empty x-a", b"x-a x-empty x-a|1..1"),
        (b" ".join([b"x-a"] * 16), b" ".join([b"x-a"] * 16) + b"|" + b".".join([b"1"] * 16)),
    ],
)
def test_the_headers_that_a_field_names_are_covered_in_its_order(
    names: bytes, expected: bytes
) -> None:
    """hook0's own conformance vectors ask for the same."""
    delivery = _delivery(*COVERED)
    assert _pieces("{field:h}|{covered:h}", delivery, {b"h": [names]}) == (expected,)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (b"x-a x-missing", Reason.HEADER_MALFORMED),
        (b"X-A", Reason.HEADER_MALFORMED),
        (b"", Reason.HEADER_MALFORMED),
        (b"x-a  x-b", Reason.HEADER_MALFORMED),
        (b'{"x-a', Reason.HEADER_MALFORMED),
        (b" ".join([b"x-a"] * 17), Reason.HEADER_MALFORMED),
        (b"x-twice", Reason.HEADER_DUPLICATED),
    ],
)
def test_a_list_of_headers_that_cannot_be_right_is_a_bad_signature(
    names: bytes, reason: Reason
) -> None:
    """Not the lack of one, or the weaker signature beside it would be tried instead."""
    assert _refusal("{covered:h}", _delivery(*COVERED), {b"h": [names]}) is reason
    assert reason not in {Reason.HEADER_MISSING, Reason.VERSION_UNSUPPORTED}


def test_a_field_may_not_come_twice() -> None:
    """One of two could be signed, and the other used."""
    fields = {b"h": [b"x-a", b"x-b"]}
    assert _refusal("{field:h}", _delivery(*COVERED), fields) is Reason.HEADER_MALFORMED


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            (
                b'{"Type":"Notification","MessageId":"m","TopicArn":"arn","Subject":"s",'
                b'"Message":"hi\\n","Timestamp":"t","Token":"unsigned","SubscribeURL":"u"}'
            ),
            (
                b"Message\nhi\n\nMessageId\nm\nSubject\ns\nTimestamp\nt\nTopicArn\narn\n"
                b"Type\nNotification\n"
            ),
        ),
        (
            (
                b'{"Type":"Notification","MessageId":"m","TopicArn":"arn","Message":"hi",'
                b'"Timestamp":"t"}'
            ),
            b"Message\nhi\nMessageId\nm\nTimestamp\nt\nTopicArn\narn\nType\nNotification\n",
        ),
        (
            (
                b'{"Type":"SubscriptionConfirmation","MessageId":"m","TopicArn":"arn","Message":"hi",'
                b'"Timestamp":"t","Token":"k","SubscribeURL":"u","Subject":"unsigned"}'
            ),
            (
                b"Message\nhi\nMessageId\nm\nSubscribeURL\nu\nTimestamp\nt\nToken\nk\n"
                b"TopicArn\narn\nType\nSubscriptionConfirmation\n"
            ),
        ),
    ],
)
def test_the_lines_of_sns_are_those_of_its_type(body: bytes, expected: bytes) -> None:
    """Amazon's developer guide lists the members, in this order."""
    assert _pieces("{sns}", _delivery(body=body)) == (expected,)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"Type":"Notification","MessageId":"m","TopicArn":"arn","Timestamp":"t"}',
        b'{"Type":"Other","MessageId":"m","TopicArn":"arn","Message":"hi","Timestamp":"t"}',
        b'{"Type":"Notification","MessageId":{},"TopicArn":"a","Message":"m","Timestamp":"t"}',
    ],
)
def test_sns_without_a_member_is_refused(body: bytes) -> None:
    """A message with less in it is another message."""
    assert _refusal("{sns}", _delivery(body=body)) is Reason.BODY_MALFORMED


@pytest.mark.parametrize(
    ("template", "covers"),
    [
        ("", Covers.NOTHING),
        ("{timestamp}{header:x-id}{method}{url}{path}{field:h}{covered:h}lit", Covers.NOTHING),
        ("{json:/a}", Covers.FIELDS),
        ("{form:a}", Covers.FIELDS),
        ("{crc32}", Covers.FIELDS),
        ("{json_sorted:stable}", Covers.CANONICAL),
        ("{json_without:a,php}", Covers.CANONICAL),
        ("{form_sorted}", Covers.CANONICAL),
        ("{form_php:a}", Covers.CANONICAL),
        ("{sns}", Covers.CANONICAL),
        ("{json:/a}{body}{timestamp}", Covers.BODY),
        ("{body_or_query}", Covers.BODY),
        ("{body_or_url}", Covers.BODY),
    ],
)
def test_a_message_says_how_much_of_the_content_it_covers(template: str, covers: Covers) -> None:
    """The assurance of every event follows from it, and with it whether money may move."""
    assert compile_message(template).covers is covers


def test_a_message_says_what_is_in_it() -> None:
    """The rules of a profile ask for the timestamp, the headers and the secret."""
    message = compile_message("{header:x-id}.{timestamp}{secret}{header:x-at}{body}")
    assert message.is_timed
    assert message.has_secret
    assert message.header_names == (b"x-id", b"x-at")
    assert [type(part).__name__ for part in message.parts] == [
        "Header", "Literal", "Timestamp", "Header", "Body",
    ]  # fmt: skip
    assert message.has(simple.Body)
    assert not message.has(simple.Url)
    plain = compile_message("{body}")
    assert not plain.is_timed
    assert not plain.has_secret
    assert plain.header_names == ()
    assert plain.is_body
    assert not message.is_body


def test_signed_headers_are_looked_at_before_the_body() -> None:
    """Attack 28: a delivery without them costs no body."""
    message = compile_message("{header:x-id}.{body}")
    message.precheck(View(_delivery((b"x-id", b"m1"))).index)
    for headers in ((), ((b"x-id", b"a.b"),), ((b"x-id", b""),)):
        with pytest.raises(Rejected):
            message.precheck(View(_delivery(*headers)).index)


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        ("{body", "a brace is left open"),
        ("body}", "a brace is left open"),
        ("{{body}}", "a brace is left open"),
        ("{}", r"\{\} is no part of a message; there are .*body.*timestamp"),
        ("{Body}", r"\{Body\} is no part of a message"),
        ("{secrets}", "secret"),
        ("{body:x}", r"\{body:x\}: takes nothing behind a colon"),
        ("{raw_body}", r"url; did you mean \{body\}\?$"),
        ("{timestmp}", r"url; did you mean \{timestamp\}\?$"),
        ("{secrets}", r"url; did you mean \{secret\}\?$"),
        ("{zzz}", r"url$"),
        ("{header:}", r"\{header:\}: .* is no place"),
        ("{header:X-Id}", "lower case"),
        ("{header:x-*}", "stands for one header"),
        ("{json:a}", "is no place|JSON pointer"),
        ("{json?:}", "is no place"),
        ("{url:ports}", r"a URL is \{url\}, \{url:port\} or \{url:no-port\}"),
        ("{json_sorted:}", "needs an order: received, rebuilt, stable"),
        ("{json_without:sign}", "looks like"),
        ("{json_without:,php}", "looks like"),
        ("{json_without:sign,perl}", "looks like"),
        ("{json_without:sign,php,hex}", "looks like"),
        ("{form_php:}", "names the field that holds the signature"),
    ],
)
def test_a_template_that_is_not_understood_is_refused(template: str, hint: str) -> None:
    """What is not a part would be signed as letters, and nothing would ever verify."""
    with pytest.raises(ValueError, match=hint):
        compile_message(template)
