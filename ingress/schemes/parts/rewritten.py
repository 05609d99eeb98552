"""The parts of a message that are another form of the body than the bytes sent.

Some providers sign what their language prints when it writes the body again: sorted, without the
member that holds the signature, in the escapes of PHP or Python; `canonical` and `forms` print it.
What two bodies share is said by that form, and by nothing else.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import canonical, forms, lexemes
from ingress.schemes.parts.scope import Covers, Part, Scope
from ingress.schemes.parts.simple import bare


@dataclass(frozen=True, slots=True)
class SortedJson:
    """The body with its keys sorted, compact, in JavaScript's escapes."""

    order: canonical.Order
    covers: ClassVar[Covers] = Covers.CANONICAL

    def render(self, scope: Scope) -> bytes:
        """Return the sorted JSON."""
        return canonical.js(scope.view.json, self.order)


@dataclass(frozen=True, slots=True)
class JsonWithout:
    """The body without the member that holds the signature, as a language prints it."""

    member: str
    write: Callable[[lexemes.Node], bytes]
    in_base64: bool
    covers: ClassVar[Covers] = Covers.CANONICAL

    def render(self, scope: Scope) -> bytes:
        """Return the rest of the body."""
        text = self.write(lexemes.without(scope.view.json, self.member))
        return base64.b64encode(text) if self.in_base64 else text


@dataclass(frozen=True, slots=True)
class SortedForm:
    """Every name and value of a form body, sorted and written without separators (Twilio)."""

    covers: ClassVar[Covers] = Covers.CANONICAL

    def render(self, scope: Scope) -> bytes:
        """Return the concatenation."""
        return forms.twilio(scope.view.form)


@dataclass(frozen=True, slots=True)
class PhpForm:
    """A form body without one field, sorted and written by PHP's `serialize` (Paddle Classic)."""

    member: str
    covers: ClassVar[Covers] = Covers.CANONICAL

    def render(self, scope: Scope) -> bytes:
        """Return the serialised array."""
        return forms.php_serialize(scope.view.form, self.member)


_SNS_EVENT = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SNS_CONFIRMATION = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)


@dataclass(frozen=True, slots=True)
class SnsLines:
    """The members that Amazon SNS signs: name, line end, value, line end, in the order of names.

    Source: Amazon SNS developer guide, "Verifying the signatures of Amazon SNS messages". A
    notification may have no subject; whatever is no notification signs its token and URL.
    """

    covers: ClassVar[Covers] = Covers.CANONICAL

    def render(self, scope: Scope) -> bytes:
        """Return the lines. Raises `Rejected` where a member is missing."""
        text = scope.view.json_text
        names = _SNS_EVENT if text(("Type",)) == "Notification" else _SNS_CONFIRMATION
        lines = []
        for name in names:
            value = text((name,))
            if value is not None:
                # Only the message may have lines: else another name could stand in one of them.
                if name != "Message" and "\n" in value:
                    raise Rejected(Reason.BODY_MALFORMED)
                lines.append(f"{name}\n{value}\n")
            elif name != "Subject":
                raise Rejected(Reason.BODY_MALFORMED)
        return "".join(lines).encode()


_WRITERS: dict[str, Callable[[lexemes.Node], bytes]] = {
    "php": canonical.php,
    "python": canonical.python,
}


def _sorted(argument: str) -> Part:
    orders = {str(order): order for order in canonical.Order}
    if argument not in orders:
        raise ValueError(f"needs an order: {', '.join(orders)}")
    return SortedJson(orders[argument])


def _without(argument: str) -> Part:
    member, _, rest = argument.partition(",")
    language, _, coding = rest.partition(",")
    if not member or language not in _WRITERS or coding not in {"", "base64"}:
        raise ValueError("looks like {json_without:sign,php} or {json_without:sign,php,base64}")
    return JsonWithout(member, _WRITERS[language], coding == "base64")


def _php_form(argument: str) -> Part:
    if not argument:
        raise ValueError("names the field that holds the signature: {form_php:p_signature}")
    return PhpForm(argument)


PARTS: dict[str, Callable[[str], Part]] = {
    "json_sorted": _sorted,
    "json_without": _without,
    "form_sorted": bare(SortedForm()),
    "form_php": _php_form,
    "sns": bare(SnsLines()),
}
