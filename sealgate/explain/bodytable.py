"""The accidents of a body: what stands between the bytes that were signed and those that are here.

Each row is data around one small pure function of `bodies` or `numbers`. `table` puts them before
the accidents of secrets, headers and URLs, since they are the commonest.
"""

from sealgate.explain import bodies, numbers
from sealgate.explain.diagnoses import Diagnosis

_COMPACT, _SPACED, _AFTER_COLON = (",", ":"), (", ", ": "), (",", ": ")
_SAVE = "capture the body without an editor: its bytes count, to the last line end"
_ENCODE = "verify the bytes before anything decodes them to text"
_ANEW = (
    "something parsed the JSON and printed it again before this capture: verify the bytes as "
    "they arrive (in most frameworks: read the raw body before any JSON middleware)"
)


def _reprint(name: str, what: str, indent: str | None, item: tuple[str, str]) -> list[Diagnosis]:
    return [
        Diagnosis(
            "body",
            name + ("-sorted" if is_sorted else ""),
            f"the signed JSON was {what}{' with sorted keys' if is_sorted else ''}",
            _ANEW,
            bodies.on_body(bodies.reprinted(indent, item, is_sorted=is_sorted)),
        )
        for is_sorted in (False, True)
    ]


BODY = (
    Diagnosis(
        "body",
        "line-end-missing",
        "the signed body ended with a line end that is missing here",
        _SAVE,
        bodies.on_body(bodies.line_end_missing),
    ),
    Diagnosis(
        "body",
        "line-end-added",
        "a line end stands behind the signed body",
        _SAVE,
        bodies.on_body(bodies.line_end_added),
    ),
    Diagnosis(
        "body",
        "blanks-added",
        "blanks or line ends stand around the signed body",
        _SAVE,
        bodies.on_body(bodies.blanks_added),
    ),
    Diagnosis(
        "body",
        "crlf-became-lf",
        "the signed body has CRLF where LF stands here",
        _SAVE,
        bodies.on_body(bodies.line_feeds),
    ),
    Diagnosis(
        "body",
        "lf-became-crlf",
        "the signed body has LF where CRLF stands here",
        _SAVE,
        bodies.on_body(bodies.carriage_returns),
    ),
    Diagnosis(
        "body",
        "byte-order-mark",
        "a byte order mark was added to the signed body, or taken from it",
        _SAVE,
        bodies.on_body(bodies.byte_order_mark),
    ),
    Diagnosis(
        "body",
        "quoted",
        "the body is wrapped in quotes: it is the text of a JSON text",
        "take the capture's body as bytes, not as a JSON string",
        bodies.on_body(bodies.quoted),
    ),
    Diagnosis(
        "body",
        "escaped",
        "the body is escaped as in a log line",
        "take the body from the wire, or as body_base64",
        bodies.on_body(bodies.escaped),
    ),
    Diagnosis(
        "body",
        "compressed",
        "the body is compressed, and the plain bytes were signed",
        "the proxy or the profile must undo it (content_encodings) before verification",
        bodies.on_body(bodies.compressed),
    ),
    Diagnosis(
        "body",
        "base64",
        "the body stands in base64",
        "decode it first: cloud functions say so in isBase64Encoded",
        bodies.on_body(bodies.in_base64),
    ),
    Diagnosis(
        "body",
        "charset",
        "the body was decoded in one character set and encoded in another",
        _ENCODE,
        bodies.on_body(bodies.charset),
    ),
    Diagnosis(
        "body",
        "form-encoded",
        "the form's fields were decoded and encoded again",
        _ENCODE,
        bodies.on_body(bodies.form_encoded),
    ),
    Diagnosis(
        "body",
        "unicode-form",
        "letters with accents were composed or taken apart otherwise (NFC, NFD) after the signing",
        _ENCODE,
        bodies.on_body(bodies.unicode_form),
    ),
    Diagnosis(
        "body",
        "html-escaped",
        "the body is escaped as in HTML: &quot; stands for a quote",
        "take the body from the wire, and not from a page or a template",
        bodies.on_body(bodies.html_escaped),
    ),
    Diagnosis(
        "body",
        "chunks",
        "the body still stands in chunks, each behind its length",
        "capture behind whatever joins the chunks, or keep the header Transfer-Encoding: chunked",
        bodies.on_body(bodies.in_chunks),
    ),
    Diagnosis(
        "body",
        "form-field",
        "the signed body is one field of this form",
        "whoever wrapped it must hand on the bytes as they came",
        bodies.on_body(bodies.form_field),
    ),
    *_reprint("json-compact", "compact", None, _COMPACT),
    *_reprint("json-spaced", "printed with a blank after each comma and colon", None, _SPACED),
    *_reprint("json-after-colon", "printed with a blank after each colon only", None, _AFTER_COLON),
    *_reprint("json-pretty-2", "indented by 2", "  ", _AFTER_COLON),
    *_reprint("json-pretty-4", "indented by 4", "    ", _AFTER_COLON),
    *_reprint("json-pretty-tab", "indented by tabs", "\t", _AFTER_COLON),
    Diagnosis(
        "body",
        "json-numbers",
        "the signed JSON had its numbers in other letters: 1.10 became 1.1, or 5.0 became 5",
        _ANEW,
        bodies.on_body(numbers.rewritten),
        is_lone=True,
    ),
)
