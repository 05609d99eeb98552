"""An OpenAPI document as a judge: whether a real answer is one that it tells of.

A document flows in, and the method, the path and the answer of a real request; the name of the
response that the document has for it flows out, once headers and body hold against it. It keeps
what it was shown, so that what it tells of and nobody ever gave can be asked for.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.support.gateway import Reply

FOLDER = Path(__file__).parents[2] / "deploy/openapi"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# What every answer of any server has; its content type is told beside the content.
OF_HTTP = {"server", "date", "connection", "content-length", "content-type"}


@dataclass(slots=True)
class Document:
    """One document; `seen` is which of its answers were given: by method, path and status.

    `parts` is which headers and media types of its responses were.
    """

    whole: Mapping[str, Any]
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    parts: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, name: str) -> "Document":
        """Read one of ours."""
        return cls(yaml.safe_load((FOLDER / name).read_text("utf-8")))

    def told(self) -> Iterator[tuple[str, str, str]]:
        """Yield the method, the path and the status of every answer that the document tells of."""
        for path, item in self.whole["paths"].items():
            for method in METHODS:
                for status in item.get(method, {}).get("responses", {}):
                    yield method, path, status

    def unseen(self) -> set[str]:
        """Tell the headers and media types of shared responses that no answer had."""
        responses = self.whole["components"]["responses"]
        told = {
            f"#/components/responses/{name}/{kind}/{_step(part)}"
            for name, response in responses.items()
            for kind in ("headers", "content")
            for part in response.get(kind, {})
        }
        return told - self.parts

    def judge(self, method: str, path: str, reply: Reply) -> str:
        """Hold a real answer against the document; return the status it is told under."""
        told = self.whole["paths"][path][method.lower()]["responses"]
        known = (str(reply.status), f"{reply.status // 100}XX", "default")
        status = next((one for one in known if one in told), "")
        assert status, f"{method} {path} gave {reply.status}, which is not told"
        self.seen.add((method.lower(), path, status))
        response, at = self._resolved(
            told[status], f"#/paths/{_step(path)}/{method.lower()}/responses/{status}"
        )
        self._judge_headers(response, at, reply)
        self._judge_body(response, at, reply, is_bare=method == "HEAD")
        return status

    def _judge_headers(self, response: Mapping[str, Any], at: str, reply: Reply) -> None:
        told = {name.lower(): name for name in response.get("headers", {})}
        strange = reply.headers.keys() - told.keys() - OF_HTTP
        assert not strange, f"{at} tells of no header {sorted(strange)}"
        for short, name in told.items():
            header, where = self._resolved(response["headers"][name], f"{at}/headers/{_step(name)}")
            value = reply.headers.get(short)
            assert value is not None or not header.get("required"), f"{at} promises {name}"
            if value is not None:
                self.parts.add(f"{at}/headers/{_step(name)}")
                self.hold(f"{where}/schema", value)

    def _judge_body(
        self, response: Mapping[str, Any], at: str, reply: Reply, *, is_bare: bool
    ) -> None:
        told = response.get("content", {})
        media = reply.headers.get("content-type", "").partition(";")[0]
        assert not media or media in told, f"{at} tells of no {media}"
        if media:
            self.parts.add(f"{at}/content/{_step(media)}")
        if not media or is_bare:
            return
        is_json = media.endswith("json")
        value = json.loads(reply.body) if is_json else reply.body.decode()
        self.hold(f"{at}/content/{_step(media)}/schema", value)

    def hold(self, at: str, value: object) -> None:
        """Hold a value against the schema at a place of the document."""
        registry: Registry[Any] = Registry().with_resource(
            "urn:document", DRAFT202012.create_resource(self.whole)
        )
        Draft202012Validator({"$ref": f"urn:document{at}"}, registry=registry).validate(value)

    def _resolved(self, found: Mapping[str, Any], at: str) -> tuple[Mapping[str, Any], str]:
        """Follow a reference; return what is there, and where that is."""
        at = found.get("$ref", at)
        value: Any = self.whole
        for step in at.removeprefix("#/").split("/"):
            value = value[unquote(step).replace("~1", "/").replace("~0", "~")]
        return value, at


def _step(name: str) -> str:
    """Write a name as a step of a pointer within an address."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")
