"""A provider's API on loopback: it shows payments, and can be made to answer like a bad day.

What is shown is put in by whoever plays: each word of a payment is kept, so that a stale replica
can answer with the one before. Every question is noted, without its key: only whether it was right.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from aiohttp import web

from sealgate.simulator.api_styles import STYLES, Payment, Style

LIST = "/payments"
SLOW_S = 30.0
LARGE_BYTES = 2 * 1024 * 1024


class Mood(StrEnum):
    """How the API answers."""

    FRESH = "fresh"  # with what is so now
    STALE = "stale"  # with what was so before the last change
    NOT_FOUND = "not_found"  # it knows nobody
    BUSY = "busy"  # 429, and when to come again
    BROKEN = "broken"  # 500
    SLOW = "slow"  # long after everybody has gone
    REDIRECT = "redirect"  # elsewhere
    LARGE = "large"  # with more than anybody reads


@dataclass(frozen=True, slots=True)
class Question:
    """One question as it came: the path, and whether its key was the right one."""

    path: str
    has_key: bool
    status: int


@dataclass(slots=True)
class ProviderApi:
    """One provider's API. `mood` is how it answers, and `moods` those that answer otherwise."""

    provider: str
    key: str = ""
    retry_after_s: int = 7
    mood: Mood = Mood.FRESH
    moods: dict[str, Mood] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)
    url: str = ""
    _shown: dict[str, list[Payment]] = field(default_factory=dict, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        server = web.Server(self._handle, access_log=None)
        self._server = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()

    def show(self, *payments: Payment) -> None:
        """Show payments from now on, each in the place of what was shown of it before."""
        for one in payments:
            self._shown.setdefault(one.reference, []).append(one)

    def forget(self, references: Iterable[str]) -> None:
        """Show payments no more."""
        for reference in references:
            self._shown.pop(reference, None)

    def mistake(self, reference: str, other: str) -> None:
        """Answer with another payment, as a cache does that mixes two up."""
        self._shown[reference] = self._shown[other]

    def since(self, updated_ms: int) -> list[Payment]:
        """List what was changed since then, as the list of the API does."""
        found = [history[-1] for history in self._shown.values()]
        return [one for one in found if one.changed_ms >= updated_ms]

    @property
    def _style(self) -> Style:
        return STYLES[self.provider]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await self._answer(request)
        self.asked.append(Question(request.path, self._has_key(request), answer.status))
        return answer

    def _has_key(self, request: web.BaseRequest) -> bool:
        style = self._style
        if not style.header:
            return True
        return request.headers.get(style.header, "") == style.prefix + self.key

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if not self._has_key(request):
            return _json(401, {"message": "unauthorized"})
        raw = request.rel_url.raw_path
        before, _, after = self._style.path.partition("{id}")
        if raw == LIST:
            return self._list(int(request.query.get("updated_since", "0")))
        if not raw.startswith(before) or after:
            return _json(404, {"message": "no such path"})
        reference = unquote(raw.removeprefix(before))
        mood = self.moods.get(reference, self.mood)
        bad = await self._bad(mood)
        return bad if bad is not None else self._found(reference, mood)

    async def _bad(self, mood: Mood) -> web.Response | None:
        """Answer as nobody wants it; None where the answer is to be the payment."""
        if mood is Mood.SLOW:
            await asyncio.sleep(SLOW_S)
        answers = {
            Mood.NOT_FOUND: (404, {}),
            Mood.BUSY: (429, {"Retry-After": str(self.retry_after_s)}),
            Mood.BROKEN: (500, {}),
            Mood.REDIRECT: (302, {"Location": f"{self.url}/elsewhere"}),
        }
        if mood is Mood.LARGE:
            return web.Response(body=b" " * LARGE_BYTES, content_type="application/json")
        if mood not in answers:
            return None
        status, headers = answers[mood]
        return _json(status, {"message": mood.value}, headers)

    def _found(self, reference: str, mood: Mood) -> web.Response:
        history = self._shown.get(reference)
        if not history:
            return _json(404, {"message": "not found"})
        place = -2 if mood is Mood.STALE and len(history) > 1 else -1
        number = len(self.asked) + 1
        return _json(200, self._style.body(history[place]), {"X-Request-Id": f"req-{number}"})

    def _list(self, updated_ms: int) -> web.Response:
        return _json(200, [self._style.body(one) for one in self.since(updated_ms)])


def _json(status: int, told: object, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(told).encode(),
        content_type="application/json",
        headers=headers,
    )
