"""What a VEN says to an OpenADR 3 server, over the client library of ElaadNL (`openadr3-client`).

Lists are read as JSON and judged object by object (`openadr_parse`): the library's own models refuse a whole list for
one object that is not as they like it, and some that the User Guide has as examples. What is written goes through the
library's calls, except reports, whose units its models can't state.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
import logging
import math
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import requests

from .openadr_config import ClientCredentials, ConfigError, VenConfig
from .openadr_http import (
    BearerAuth,
    TokenSource,
    VenError,
    VenProblem,
    as_ven_error,
    json_of,
    make_session,
    request,
    status_error,
)
from .openadr_parse import object_id
from .openadr_values import MAX_EVENTS, OpenAdrVersion

if TYPE_CHECKING:
    from openadr3_client.oadr301._ven.client import VirtualEndNodeClient as Client301
    from openadr3_client.oadr310._ven.client import VirtualEndNodeClient as Client310

PAGE: Final = 50  # the most that the OpenAPI document lets a client ask for
MAX_PROGRAMS: Final = 1_000
LIST_TIMEOUT_S: Final = 180.0  # for all pages of a list
_CONFLICT: Final = 409


@runtime_checkable
class _Wired(Protocol):
    """A part of the library's client, as far as its HTTP is concerned."""

    base_url: str
    session: requests.Session


class VtnClient:
    """A connection to a server. Its calls block and belong into one thread at a time; each raises VenError."""

    def __init__(self, config: VenConfig, now: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        """Prepare a connection; nothing is sent yet. VenError if the library can't be imported."""
        self._config = config
        self._base_url = config.base_url
        ca_file = str(config.ca_file) if config.ca_file else None
        self._open_session = make_session(ca_file, None)
        self._session = make_session(ca_file, None)
        self._now = now
        self._monotonic = monotonic
        self._latest_end = math.inf
        self._tokens: TokenSource | None = None
        self._library = _library_client(config)
        for name in ("auth", "events", "programs", "reports", "vens", "resources", "subscriptions", "notifiers"):
            part = getattr(self._library, name, None)
            if isinstance(part, _Wired):
                part.session = self._open_session if name == "auth" else self._session

    def begin(self, seconds: float) -> None:
        """Have all that is asked from now on together take no longer, but for the last answer; VenError beyond that."""
        self._latest_end = self._monotonic() + seconds

    def close(self) -> None:
        """Close the sockets, also under who waits for an answer."""
        self._session.close()
        self._open_session.close()

    @property
    def tokens_fetched(self) -> int:
        """Return how many access tokens were fetched."""
        return self._tokens.fetched if self._tokens else 0

    def access_token(self) -> str:
        """Return an access token; empty for an anonymous connection."""
        self._log_in()
        return self._tokens.token() if self._tokens else ""

    def programs(self) -> list[object]:
        """Return all programmes as JSON values."""
        return self._all("programs", {}, MAX_PROGRAMS)

    def events(self, program_id: str | None) -> list[object]:
        """Return all events, or those of a programme, as JSON values; one more than `MAX_EVENTS` if there are more."""
        return self._all("events", {"programID": program_id} if program_id else {}, MAX_EVENTS + 1)

    def ven_id(self, name: str) -> str | None:
        """Return the id of the VEN of this name, None if the server has none."""
        return _id_of(self._all("vens", {"venName": name}, MAX_PROGRAMS), "venName", name)

    def resource_id(self, ven_id: str, name: str) -> str | None:
        """Return the id of the VEN's resource of this name, None if the server has none."""
        path, query = "resources", {"venID": ven_id, "resourceName": name}
        if self._config.version is OpenAdrVersion.V3_0_1:
            path, query = f"vens/{ven_id}/resources", {"resourceName": name}
        return _id_of(self._all(path, query, MAX_PROGRAMS), "resourceName", name)

    def create_ven(self, name: str) -> None:
        """Make the VEN known; one that exists is as good."""

        def create() -> None:
            if self._config.version is OpenAdrVersion.V3_0_1:
                from openadr3_client.oadr301.models.ven.ven import NewVen  # noqa: PLC0415 - installed when chosen

                _as_301(self._library).vens.create_ven(NewVen(ven_name=name))
            else:
                from openadr3_client.oadr310.models.ven.ven import NewVenVenRequest  # noqa: PLC0415 - as above

                _as_310(self._library).vens.create_ven(NewVenVenRequest(ven_name=name))

        self._create(create)

    def create_resource(self, ven_id: str, name: str) -> None:
        """Make a resource of the VEN known; one that exists is as good."""

        def create() -> None:
            if self._config.version is OpenAdrVersion.V3_0_1:
                from openadr3_client.oadr301.models.ven.resource import NewResource  # noqa: PLC0415 - as above

                _as_301(self._library).vens.create_ven_resource(ven_id, NewResource(resource_name=name, venID=ven_id))
            else:
                from openadr3_client.oadr310.models.resource.resource import NewResourceVenRequest  # noqa: PLC0415 - as above

                _as_310(self._library).resources.create_resource(
                    NewResourceVenRequest(resource_name=name, venID=ven_id)
                )

        self._create(create)

    def create_report(self, body: Mapping[str, object]) -> None:
        """Send a report; one that the server already has is as good."""
        answer = self._answer("POST", "reports", body=body)
        if not answer.ok and answer.status_code != _CONFLICT:
            raise status_error(answer)

    def get(self, path: str) -> object:
        """Return the JSON at a path."""
        return json_of(self._answer("GET", path))

    def _create(self, create: Callable[[], None]) -> None:
        self._log_in()
        self._check_time("creating")
        try:
            create()
        except requests.JSONDecodeError:
            return  # it was created; the answer only is not as the library likes it
        except requests.RequestException as error:
            failure = as_ven_error(error)
            if failure.status != _CONFLICT:
                raise failure from error
        except ValueError as error:
            logging.getLogger(__name__).debug("Answer of the OpenADR server is unusual: %s", type(error).__name__)

    def _all(self, path: str, query: Mapping[str, str], most: int) -> list[object]:
        """Return a whole list, page by page."""
        found: list[object] = []
        seen: set[str] = set()
        previous: list[object] | None = None
        skip = 0
        deadline = self._monotonic() + LIST_TIMEOUT_S
        while skip < most:
            if self._monotonic() > deadline:
                raise VenError(VenProblem.TIMEOUT, path)
            page = json_of(self._answer("GET", path, params={**query, "skip": str(skip), "limit": str(PAGE)}))
            if not isinstance(page, list):
                raise VenError(VenProblem.MALFORMED, f"{path}: not a list")
            fresh = list(_not_seen(page, seen))
            # Servers may give smaller pages than asked for, so only an empty one is the end; one that knows no pages
            # answers with the same list again.
            if not fresh or page == previous:
                break
            found += fresh
            skip += len(page)
            previous = page
        return found[:most]

    def _answer(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: object = None
    ) -> requests.Response:
        self._log_in()
        self._check_time(path)
        url = f"{self._base_url}/{path}"
        answer = request(self._session, method, url, params=params, body=body)
        if answer.status_code == requests.codes.unauthorized and self._tokens is not None:
            self._tokens.forget()
            answer = request(self._session, method, url, params=params, body=body)
        return answer

    def _check_time(self, what: str) -> None:
        if self._monotonic() > self._latest_end:
            raise VenError(VenProblem.TIMEOUT, what)

    def _log_in(self) -> None:
        """Find out where tokens come from, once."""
        login = self._config.login
        if login is None or self._tokens is not None:
            return
        self._tokens = TokenSource(self._open_session, self._token_url(login), login, self._now)
        self._session.auth = BearerAuth(self._tokens)

    def _token_url(self, login: ClientCredentials) -> str:
        if login.token_url is not None:
            return login.token_url
        if self._config.version is OpenAdrVersion.V3_0_1:
            return f"{self._base_url}/auth/token"
        try:
            url = _as_310(self._library).auth.get_auth_server().token_url
            self._config.check_token_url(url)
        except requests.RequestException as error:
            raise as_ven_error(error) from error
        except ConfigError as error:
            raise VenError(VenProblem.LOGIN, "the server names no token URL that a secret may be sent to") from error
        except ValueError as error:
            raise VenError(VenProblem.MALFORMED, "auth/server") from error
        return url


def _not_seen(page: Iterable[object], seen: set[str]) -> Iterable[object]:
    """Yield what earlier pages did not have: a list that changes meanwhile shows some twice."""
    for item in page:
        name = object_id(item) if isinstance(item, Mapping) else ""
        if name in seen:
            continue
        if name:
            seen.add(name)
        yield item


def _id_of(items: Iterable[object], key: str, name: str) -> str | None:
    return (
        next((object_id(item) for item in items if isinstance(item, Mapping) and item.get(key) == name), None) or None
    )


def _library_client(config: VenConfig) -> object:
    try:
        from openadr3_client.ven.http_factory import VirtualEndNodeHttpClientFactory  # noqa: PLC0415 - when chosen
        from openadr3_client.version import OADRVersion  # noqa: PLC0415 - installed when chosen
    except ImportError as error:
        raise VenError(VenProblem.LIBRARY, str(error)) from error
    versions = {OpenAdrVersion.V3_0_1: OADRVersion.OADR_301, OpenAdrVersion.V3_1: OADRVersion.OADR_310}
    # Logins are ours (see `openadr_http`), so the library's client is an anonymous one.
    return VirtualEndNodeHttpClientFactory.create_anonymous_http_ven_client(
        vtn_base_url=config.base_url, version=versions[config.version]
    )


def _as_301(client: object) -> Client301:
    from openadr3_client.oadr301._ven.client import VirtualEndNodeClient  # noqa: PLC0415 - installed when chosen

    if not isinstance(client, VirtualEndNodeClient):
        raise VenError(VenProblem.LIBRARY, "unexpected client")
    return client


def _as_310(client: object) -> Client310:
    from openadr3_client.oadr310._ven.client import VirtualEndNodeClient  # noqa: PLC0415 - installed when chosen

    if not isinstance(client, VirtualEndNodeClient):
        raise VenError(VenProblem.LIBRARY, "unexpected client")
    return client
