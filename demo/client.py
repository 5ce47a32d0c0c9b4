"""What a browser would say to Home Assistant: onboarding, login, REST calls and WebSocket commands."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from .json import Json, as_list, as_object


class RefusedError(Exception):
    """Home Assistant answered with an error."""


class HomeClient:
    """One logged-in user; made by `open_client`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        """Speak to the instance at `url` with an access token."""
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}
        self.url = url
        self.token = token

    async def get(self, path: str) -> Json:
        """Return what a REST path answers; RefusedError for anything but success."""
        async with self._session.get(self.url + path, headers=self._headers) as answer:
            return await _content(answer)

    async def post(self, path: str, body: Mapping[str, Json]) -> Json:
        """Send a body to a REST path and return the answer; RefusedError for anything but success."""
        async with self._session.post(self.url + path, json=body, headers=self._headers) as answer:
            return await _content(answer)

    async def state(self, entity_id: str) -> str | None:
        """Return an entity's state, None where there is no such entity."""
        async with self._session.get(f"{self.url}/api/states/{entity_id}", headers=self._headers) as answer:
            if answer.status == 404:
                return None
            return str(as_object(await _content(answer))["state"])

    async def act(self, domain: str, action: str, data: Mapping[str, Json], *, answers: bool = False) -> Json:
        """Run an action and return its response, if it is one that answers."""
        suffix = "?return_response" if answers else ""
        result = await self.post(f"/api/services/{domain}/{action}{suffix}", data)
        return as_object(result).get("service_response") if answers else None

    async def command(self, kind: str, **parameters: Json) -> Json:
        """Run one WebSocket command and return its result; RefusedError where it fails."""
        async with self._session.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.token})
            if (await socket.receive_json())["type"] != "auth_ok":
                raise RefusedError("the access token was refused")
            await socket.send_json({"id": 1, "type": kind, **parameters})
            answer: Json = await socket.receive_json()
        reply = as_object(answer)
        if not reply.get("success"):
            raise RefusedError(f"{kind}: {reply.get('error')}")
        return reply.get("result")


@asynccontextmanager
async def open_client(url: str, user: str, password: str) -> AsyncGenerator[HomeClient]:
    """Log in, making the user first where Home Assistant has none yet."""
    async with aiohttp.ClientSession() as session:
        if await _needs_user(session, url):
            code = await _create_user(session, url, user, password)
            client = HomeClient(session, url, await _token(session, url, code))
            await client.post(
                "/api/onboarding/integration", {"client_id": f"{url}/", "redirect_uri": f"{url}/?auth_callback=1"}
            )
        else:
            code = await _log_in(session, url, user, password)
            client = HomeClient(session, url, await _token(session, url, code))
        yield client


async def _needs_user(session: aiohttp.ClientSession, url: str) -> bool:
    async with session.get(f"{url}/api/onboarding") as answer:
        if answer.status == 404:  # the page is gone once everything is done
            return False
        steps = [as_object(step) for step in as_list(await _content(answer))]
    return any(step.get("step") == "user" and not step.get("done") for step in steps)


async def _create_user(session: aiohttp.ClientSession, url: str, user: str, password: str) -> str:
    body = {"client_id": f"{url}/", "name": user.title(), "username": user, "password": password, "language": "en"}
    async with session.post(f"{url}/api/onboarding/users", json=body) as answer:
        return str(as_object(await _content(answer))["auth_code"])


async def _log_in(session: aiohttp.ClientSession, url: str, user: str, password: str) -> str:
    start = {"client_id": f"{url}/", "handler": ["homeassistant", None], "redirect_uri": f"{url}/?auth_callback=1"}
    async with session.post(f"{url}/auth/login_flow", json=start) as answer:
        flow = as_object(await _content(answer))["flow_id"]
    body = {"client_id": f"{url}/", "username": user, "password": password}
    async with session.post(f"{url}/auth/login_flow/{flow}", json=body) as answer:
        step = as_object(await _content(answer))
    if step.get("type") != "create_entry":
        raise RefusedError(f"user {user} could not log in; is this directory's Home Assistant another one's?")
    return str(step["result"])


async def _token(session: aiohttp.ClientSession, url: str, code: str) -> str:
    form = {"grant_type": "authorization_code", "code": code, "client_id": f"{url}/"}
    async with session.post(f"{url}/auth/token", data=form) as answer:
        return str(as_object(await _content(answer))["access_token"])


async def _content(answer: aiohttp.ClientResponse) -> Json:
    if answer.status >= 400:
        raise RefusedError(f"{answer.method} {answer.url.path}: {answer.status} {(await answer.text())[:300]}")
    content: Json = await answer.json(content_type=None)
    return content
