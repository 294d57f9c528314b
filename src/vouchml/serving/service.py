"""The service as an ASGI app: who may come in, how many at once, and which door answers.

Requests for predictions are answered here, before FastAPI's router sees them. FastAPI's own routes stay: they
document the doors and answer the same bytes, since both go through `Exchange`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from fastapi import FastAPI

from vouchml.errors import BodyMalformed, CredentialsMissing, ServiceBusy, VouchError
from vouchml.serving.access import OPEN, scope_needed
from vouchml.serving.doors.base import Call, Door
from vouchml.serving.draining import Draining
from vouchml.serving.error_handlers import reply_at
from vouchml.serving.error_replies import ask_again
from vouchml.serving.exchange import Exchange
from vouchml.serving.following.follower import Follower
from vouchml.serving.layers.farewell import Farewell
from vouchml.serving.layers.whole_reply import WholeReplies
from vouchml.serving.reply import CLOSE, CLOSING_STATUSES, Header, Reply, wire_headers
from vouchml.trust.access import Access, is_loopback
from vouchml.trust.caller import challenge, presented_key

#: Answered also when there are too many requests: whoever asks whether a busy worker lives must not be told that it
#: does not, and what keeps it busy is seen in its metrics.
NEVER_TOO_BUSY: Final = frozenset(
    {"/health", "/health/live", "/health/ready", "/ping", "/v2/health/live", "/v2/health/ready", "/metrics"}
)

_ONCE: Final = (b"host", b"content-type", b"content-encoding", b"inference-header-content-length")


@dataclass(frozen=True, eq=False)
class Rules:
    """Who may call, how many at once, and the headers of every answer."""

    access: Access
    allow_anonymous: bool
    max_in_flight: int
    headers: tuple[Header, ...]


class Service:
    """An ASGI app around `app`, FastAPI's. `documented` is that app without the layers around it."""

    def __init__(
        self,
        app: Any,
        *,
        documented: FastAPI,
        follower: Follower,
        doors: Mapping[str, Door],
        exchange: Exchange,
        new_id: Callable[[], str],
        draining: Draining,
        rules: Rules,
    ) -> None:
        self.documented = documented
        self.follower = follower
        self._app = app
        self._doors = doors
        self._exchange = exchange
        self._new_id = new_id
        self._draining = draining
        self._rules = rules
        self._whole_replies = WholeReplies(rules.headers)
        self._in_flight = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or take part in the start and the end of the process."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = _path(scope)
        call = Call(dict(scope["headers"]), self._new_id())
        door = self._doors.get(path) if scope["method"] == "POST" else None
        try:
            self._let_in(path, scope, call)
        except VouchError as error:
            name = door.name if door else "other"
            again = ask_again(error, self.follower.retry_after)
            reply = with_challenge(error, door.refuse(error, call) if door else reply_at(path, error, again))
            self._exchange.note_refusal(name, error, call, reply, 0.0)
            await self._send(Farewell(send, receive, lambda _: True), reply)
            return
        self._in_flight += 1
        self._exchange.in_flight(self._in_flight)
        try:
            if door is None:
                scope["vouch_call"] = call
                await self._app(scope, receive, Farewell(send, receive, CLOSING_STATUSES.__contains__, self._draining))
                return
            reply = await self._exchange.run(door, call, receive)
        finally:
            self._in_flight -= 1
            self._exchange.in_flight(self._in_flight)
        if self._draining.begun or reply.status in CLOSING_STATUSES or (reply.status == 503 and CLOSE in reply.headers):
            await self._send(Farewell(send, receive, CLOSING_STATUSES.__contains__, self._draining), reply)
        elif not self._whole_replies.write(send, reply):
            await self._send(send, reply)

    def route_of(self, scope: Any) -> str | None:
        """The route of a request that is being answered, such as `/trace/{request_id}`; None where there is none."""
        if (route := scope.get("route")) is not None:
            return str(route.path_format)
        path = _path(scope)
        return path if path in self._doors else None

    def _let_in(self, path: str, scope: Any, call: Call) -> None:
        """Refuse who may not, and everybody when there are too many.

        Raises:
            ServiceBusy, CredentialsMissing, CredentialsInvalid, ScopeMissing: in that order.
        """
        rules = self._rules
        if len(call.headers) != len(scope["headers"]):
            _refuse_repeated(scope["headers"])
        if self._in_flight >= rules.max_in_flight and path not in NEVER_TOO_BUSY:
            raise ServiceBusy("The service has as many requests under way as it takes.", remedy="Ask again soon.")
        needed = scope_needed(path)
        if needed != OPEN:
            carries_key = b"authorization" in call.headers or b"x-api-key" in call.headers
            caller = rules.access.caller(presented_key(scope["headers"]) if carries_key else None)
            if caller.key_id is None and not rules.allow_anonymous:
                self._require_this_machine(scope, call)
            caller.require(needed)
            call.caller, call.scopes = caller.name, caller.scopes

    def _require_this_machine(self, scope: Any, call: Call) -> None:
        """Take a call without a key only at this machine's own address, whatever a server was told to bind.

        The name in `Host` must be this machine's too: a web page whose name was made to lead here has its own. And
        so must be who calls: a proxy on this machine says for whom, and uvicorn passes that on.

        Raises:
            CredentialsMissing: the call came to another address, under another name, or from elsewhere.
        """
        server, client = scope.get("server"), scope.get("client")
        headers = call.headers
        here = _is_this_machine(server and server[0], client and client[0], headers.get(b"host", b""))
        # A proxy on this machine passes on calls from elsewhere, and says so in a header.
        if here and b"x-forwarded-for" not in headers and b"forwarded" not in headers:
            return
        raise CredentialsMissing(
            "Without a key this service answers only to calls from its own machine, under its own name.",
            remedy="Send a key in Authorization: Bearer KEY, or X-API-Key: KEY. Whoever runs the service has them.",
        )

    async def _send(self, send: Any, reply: Reply) -> None:
        headers = [*wire_headers(reply), *self._rules.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


def _path(scope: Any) -> str:
    """The path of a request within the service."""
    path: str = scope["path"]
    if scope.get("root_path"):  # behind a proxy that mounts the service there
        path = path.removeprefix(scope["root_path"])
    return path


def with_challenge(error: VouchError, reply: Reply) -> Reply:
    """The same reply, with what HTTP wants beside a refusal for want of a key."""
    if (wanted := challenge(error)) is not None:
        return reply._replace(headers=(*reply.headers, (b"www-authenticate", wanted.encode())))
    return reply


def _refuse_repeated(headers: Any) -> None:
    """Refuse a request that says twice what it can say once (RFC 9110, section 5.3): which counts would be a guess."""
    names = [name for name, _ in headers]
    if any(names.count(name) > 1 for name in _ONCE):
        raise BodyMalformed("A header that may stand once stands twice.", remedy="Send it once.")


@lru_cache(maxsize=1024)
def _is_this_machine(server: str | None, client: str | None, host: bytes) -> bool:
    """Whether both ends of a connection, and the name in `Host`, are this machine's; what is not known counts as so."""
    names = [name for name in (server, client, _name_in(host)) if name]
    return all(is_loopback(name) for name in names)


def _name_in(host: bytes) -> str:
    """The name in a `Host` header, without its port."""
    text = host.decode("latin-1")
    name, end, port = text.rpartition("]") if text.startswith("[") else text.partition(":")
    # What follows the bracket of an IPv6 address can only be a port.
    return f"{name}{end}" if end == "]" and port[:1] in ("", ":") else text if end == "]" else name
