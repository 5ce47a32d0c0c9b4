"""An OpenADR 3 server (VTN) for tests, after the published OpenAPI documents of 3.0.1 and 3.1, with switches for trouble.

The business logic's side is Python: `programs` and `events` are lists of JSON objects that are served as they stand, so
malformed ones can be put there too. What a VEN may write is checked as the documents say.
"""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
import json
import ssl
from typing import Any

from aiohttp import web

type Json = dict[str, Any]

MOST_PER_PAGE = 50
CREATED = "2026-06-01T09:00:00Z"


@dataclass
class Trouble:
    """What is wrong with the server at the moment."""

    status: int | None = None  # of each answer
    statuses: dict[str, int] = field(default_factory=dict)  # by method and first part of the path: "POST reports"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None  # sent with status 200 instead of JSON
    delay: float = 0.0
    hang_up: bool = False  # the connection is closed without an answer
    odd_answer: bytes | None = None  # to what was created
    token_answer: object = None  # instead of a token
    auth_server_answer: object = None
    echo: bool = False  # problems repeat the header with the token
    ignores_paging: bool = False
    page: int = MOST_PER_PAGE  # fewer objects per page than asked for
    fails_at_skip: int | None = None  # an error on a later page


@dataclass
class Vtn:
    """A server on a port of this host."""

    version: str = "3.1.0"
    client_id: str = "ven-client"
    client_secret: str | None = None  # None: anybody may read
    secret_in: str = "basic"  # or "body"
    token_lifetime: int | None = 3600
    token_url: str | None = None  # told by /auth/server instead of the own one
    programs: list[Json] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    vens: list[Json] = field(default_factory=list)
    resources: list[Json] = field(default_factory=list)
    reports: list[Json] = field(default_factory=list)
    subscriptions: list[Json] = field(default_factory=list)
    notifiers: Json = field(default_factory=lambda: {"WEBHOOK": True})
    topics: dict[str, Json] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    trouble: Trouble = field(default_factory=Trouble)
    requests: list[str] = field(default_factory=list)
    scopes: list[object] = field(default_factory=list)
    port: int = 0
    tls: bool = False
    _runner: web.AppRunner | None = None
    _ids: Any = field(default_factory=lambda: count(1))

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/openadr3/{self.version}"

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        """Listen, at the port of before if there was one."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/openadr3/{version}/auth/server", self._auth_server),
                web.post("/openadr3/{version}/auth/token", self._token),
                web.get("/openadr3/{version}/vens/{ven}/resources", self._ven_resources),
                web.post("/openadr3/{version}/vens/{ven}/resources", self._create_ven_resource),
                web.get("/openadr3/{version}/notifiers", self._notifiers),
                web.get("/openadr3/{version}/notifiers/mqtt/topics/{path:.+}", self._topics),
                web.get("/openadr3/{version}/{kind}", self._list),
                web.post("/openadr3/{version}/{kind}", self._create),
                web.get("/openadr3/{version}/{kind}/{id}", self._one),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        self.tls = context is not None
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=context, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def count(self, request: str) -> int:
        """Return how many requests of this method and path there were."""
        return sum(1 for each in self.requests if each == request)

    def add_program(self, name: str = "Capacity", **more: object) -> str:
        """Have a programme, and return its id."""
        program_id = f"program-{next(self._ids)}"
        self.programs.append(self._stored("PROGRAM", program_id) | {"programName": name, **more})
        return program_id

    def add_event(self, program_id: str, intervals: list[Json], **more: object) -> str:
        """Have an event, and return its id."""
        event_id = f"event-{next(self._ids)}"
        event = self._stored("EVENT", event_id) | {"programID": program_id, "intervals": intervals, **more}
        self.events.append(event)
        return event_id

    def change_event(self, event_id: str, **more: object) -> None:
        """Change an event in place."""
        for event in self.events:
            if isinstance(event, dict) and event.get("id") == event_id:
                event |= {"modificationDateTime": f"2026-06-01T09:00:{next(self._ids) % 60:02}Z", **more}

    def delete_event(self, event_id: str) -> None:
        """Have an event no more."""
        self.events = [event for event in self.events if not isinstance(event, dict) or event.get("id") != event_id]

    @staticmethod
    def _stored(kind: str, object_id: str) -> Json:
        return {
            "id": object_id,
            "objectType": kind,
            "createdDateTime": CREATED,
            "modificationDateTime": CREATED,
        }

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        path = request.path.split("/", 3)[3]
        self.requests.append(f"{request.method} {path}")
        trouble = self.trouble
        if trouble.delay:
            await asyncio.sleep(trouble.delay)
        if trouble.hang_up:
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPServiceUnavailable
        status = trouble.statuses.get(f"{request.method} {path.split('/')[0]}", trouble.status)
        if status is not None:
            return self._problem(status, "as told", request)
        if trouble.body is not None:
            return web.Response(body=trouble.body, content_type="application/json")
        if request.match_info["version"] != self.version:
            return self._problem(404, "no such version", request)
        if self.client_secret is not None and not path.startswith("auth/"):
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                return self._problem(401, "unknown token", request)
        return await handler(request)

    def _problem(self, status: int, title: str, request: web.Request) -> web.Response:
        detail = f"you sent {request.headers.get('Authorization')}" if self.trouble.echo else title
        return web.json_response(
            {"type": "about:blank", "title": title, "status": status, "detail": detail},
            status=status,
            headers=self.trouble.headers,
            content_type="application/problem+json",
        )

    async def _auth_server(self, request: web.Request) -> web.Response:
        if self.version == "3.0.1":
            return self._problem(404, "no such path", request)
        if self.trouble.auth_server_answer is not None:
            return web.json_response(self.trouble.auth_server_answer)
        return web.json_response({"tokenURL": self.token_url or f"{self.url}/auth/token"})

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        sent = (form.get("client_id"), form.get("client_secret"))
        if self.secret_in == "basic":
            encoded = request.headers.get("Authorization", "").removeprefix("Basic ")
            user, _, password = b64decode(encoded).decode().partition(":")
            sent = (user, password)
        if sent != (self.client_id, self.client_secret):
            description = f"not known: {sent}"
            return web.json_response({"error": "invalid_client", "error_description": description}, status=401)
        self.scopes.append(form.get("scope"))
        if self.trouble.token_answer is not None:
            return web.json_response(self.trouble.token_answer)
        token = f"token-{next(self._ids)}"
        self.tokens.add(token)
        answer: Json = {"access_token": token, "token_type": "Bearer", "scope": form.get("scope", "")}
        if self.token_lifetime is not None:
            answer["expires_in"] = self.token_lifetime
        return web.json_response(answer)

    async def _list(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        lists = {
            "programs": self.programs,
            "events": self.events,
            "vens": self.vens,
            "resources": self.resources,
            "reports": self.reports,
            "subscriptions": self.subscriptions,
        }
        if kind not in lists or (kind == "resources" and self.version == "3.0.1"):
            return self._problem(404, "no such path", request)
        return self._page(request, lists[kind])

    def _page(self, request: web.Request, items: list[Any]) -> web.Response:
        query = request.query
        skip, limit = int(query.get("skip", 0)), int(query.get("limit", MOST_PER_PAGE))
        if limit > MOST_PER_PAGE:
            return self._problem(400, "limit is at most 50", request)
        if self.trouble.fails_at_skip is not None and skip >= self.trouble.fails_at_skip:
            return self._problem(500, "database", request)
        for name in ("programID", "venName", "resourceName", "venID", "eventID"):
            if name in query:
                items = [item for item in items if not isinstance(item, dict) or item.get(name) == query[name]]
        if not self.trouble.ignores_paging:
            items = items[skip : skip + min(limit, self.trouble.page)]
        return web.json_response(items)

    async def _one(self, request: web.Request) -> web.Response:
        found = [item for item in (*self.programs, *self.events, *self.vens) if item["id"] == request.match_info["id"]]
        return web.json_response(found[0]) if found else self._problem(404, "no such object", request)

    async def _ven_resources(self, request: web.Request) -> web.Response:
        if self.version != "3.0.1":
            return self._problem(404, "no such path", request)
        ven = request.match_info["ven"]
        return self._page(request, [each for each in self.resources if each["venID"] == ven])

    async def _create_ven_resource(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.version != "3.0.1" or not body.get("resourceName"):
            return self._problem(400, "no such path or name", request)
        created = self._stored("RESOURCE", f"resource-{next(self._ids)}") | _stated(body)
        self.resources.append(created | {"venID": request.match_info["ven"]})
        return web.json_response(self.resources[-1], status=201)

    async def _create(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        try:
            body = await request.json()
        except json.JSONDecodeError:
            return self._problem(400, "no JSON", request)
        checks: dict[str, tuple[list[Json], Callable[[Json], str]]] = {
            "reports": (self.reports, self._report_fault),
            "vens": (self.vens, self._ven_fault),
            "resources": (self.resources, self._resource_fault),
            "subscriptions": (self.subscriptions, _subscription_fault),
        }
        if kind not in checks:
            return self._problem(403, "only business logic writes these", request)
        stored, fault_of = checks[kind]
        if fault := fault_of(body):
            return self._problem(400, fault, request)
        if any(_stated(body).items() <= each.items() for each in stored):
            return self._problem(409, "there is one like it", request)
        created = self._stored(kind[:-1].upper(), f"{kind[:-1]}-{next(self._ids)}") | _stated(body)
        if self.version != "3.0.1":
            created["clientID"] = self.client_id
        stored.append(created)
        if self.trouble.odd_answer is not None:
            return web.Response(body=self.trouble.odd_answer, status=201, content_type="application/json")
        return web.json_response(created, status=201)

    def _report_fault(self, body: Json) -> str:
        needed = ["eventID", "clientName", "resources"] + (["programID"] if self.version == "3.0.1" else [])
        for name in needed:
            if not body.get(name):
                return f"{name} is missing"
        for descriptor in body.get("payloadDescriptors") or []:
            if descriptor.get("objectType") != "REPORT_PAYLOAD_DESCRIPTOR" or not descriptor.get("payloadType"):
                return "not a report's descriptor"
        for resource in body["resources"]:
            if not resource.get("resourceName") or not isinstance(resource.get("intervals"), list):
                return "a resource is malformed"
            if any("id" not in each or not isinstance(each.get("payloads"), list) for each in resource["intervals"]):
                return "an interval is malformed"
        return ""

    def _ven_fault(self, body: Json) -> str:
        if not body.get("venName"):
            return "venName is missing"
        wanted = None if self.version == "3.0.1" else "VEN_VEN_REQUEST"
        return "" if wanted is None or body.get("objectType") == wanted else "objectType is wrong"

    def _resource_fault(self, body: Json) -> str:
        if not body.get("resourceName") or body.get("venID") not in {ven["id"] for ven in self.vens}:
            return "resourceName or venID is missing"
        return "" if body.get("objectType") == "VEN_RESOURCE_REQUEST" else "objectType is wrong"

    async def _notifiers(self, request: web.Request) -> web.Response:
        return web.json_response(self.notifiers)

    async def _topics(self, request: web.Request) -> web.Response:
        topics = self.topics.get(request.match_info["path"])
        return (
            self._problem(404, "no such topics", request) if topics is None else web.json_response({"topics": topics})
        )


def _stated(body: Json) -> Json:
    return {name: value for name, value in body.items() if value is not None}


def _subscription_fault(body: Json) -> str:
    return "" if body.get("clientName") and body.get("objectOperations") else "clientName is missing"


def limit_interval(kw: object, number: int = 0, kind: str = "IMPORT_CAPACITY_LIMIT", **more: object) -> Json:
    """Return an interval with a capacity limit."""
    return {"id": number, "payloads": [{"type": kind, "values": [kw]}], **more}


def period(start: str, duration: str | None = None, **more: object) -> Json:
    """Return an `intervalPeriod`."""
    return {"start": start, **({"duration": duration} if duration else {}), **more}
