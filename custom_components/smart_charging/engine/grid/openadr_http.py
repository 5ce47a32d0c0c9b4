"""The HTTP that talks to an OpenADR server: bounded in time and size, with a login that renews itself, without surprises.

The client library sets neither time-outs nor limits, follows redirects with what it was told in secret, fetches a token
for each of its parts and goes on with a revoked one; a session of our own under it does better.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from io import BytesIO
import json
import math
from typing import Final, override

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from .openadr_config import ClientCredentials
from .openadr_deadline import OpenSockets
from .openadr_values import clean_text

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 20.0  # between two pieces of an answer
ANSWER_TIMEOUT_S: Final = 60.0  # for all of it, from asking on
ANSWER_BYTES: Final = 16 * 1024 * 1024  # of one answer: 50 events of a month of quarter hours each
_CHUNK: Final = 64 * 1024
_TOKEN_LIFETIME: Final = timedelta(hours=1)  # where the server does not say
_LONGEST_TOKEN: Final = timedelta(days=1)
_TOKEN_LENGTH: Final = 16_384
_DETAIL_LENGTH: Final = 200
_LONGEST_INTEGER: Final = 18
_OAUTH_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)


class VenProblem(StrEnum):
    """Why the server can't be worked with; the shell has a text for each."""

    LIBRARY = "library"  # the client library can't be imported
    UNREACHABLE = "unreachable"
    TLS = "tls"  # its certificate is not trusted
    TIMEOUT = "timeout"
    LOGIN = "login"  # our credentials or token are refused
    FORBIDDEN = "forbidden"  # we are known but may not do this
    NOT_FOUND = "not_found"  # no such path: most likely a wrong URL or version
    RATE_LIMITED = "rate_limited"
    SERVER = "server"  # it has an error of its own
    REFUSED = "refused"  # any other answer that is no success
    MALFORMED = "malformed"  # its answer can't be read
    TOO_LARGE = "too_large"
    NO_PROGRAM = "no_program"  # it has no programme of the name that is set up
    INTERNAL = "internal"  # not the server's fault: something of ours failed that nobody foresaw


class VenError(Exception):
    """What went wrong; `detail` is cut, free of secrets and safe to show."""

    def __init__(
        self, problem: VenProblem, detail: str = "", *, status: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        """Keep what, the status of the answer and how long the server asks to be left alone."""
        self.problem = problem
        self.detail = clean_text(detail, _DETAIL_LENGTH)
        self.status = status
        self.retry_after = retry_after
        super().__init__(f"{problem.value}: {self.detail}" if self.detail else problem.value)


class _TooLargeError(requests.RequestException):
    """An answer that goes on beyond what is read."""


class BoundedAdapter(HTTPAdapter):
    """Gives each request time-outs and each answer a largest size and a latest end, by the clock of the machine."""

    def __init__(self) -> None:
        """Have no connection yet."""
        self._sockets = OpenSockets()
        super().__init__(max_retries=0)

    @override
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: object) -> None:
        """Make connections whose sockets are known."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = dict(self._sockets.pools())

    @override
    def close(self) -> None:
        """Close all connections, also one that another thread waits for."""
        super().close()
        self._sockets.shut_down()

    @override
    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request and read its answer within the bounds."""
        with self._sockets.end_after(ANSWER_TIMEOUT_S) as late:
            try:
                response = super().send(
                    request,
                    stream=True,
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    verify=verify,
                    cert=cert,
                    proxies=dict(proxies) if proxies else None,
                )
                body = _read_whole(response)
            except requests.RequestException as error:
                if late.is_set():
                    raise requests.ReadTimeout from error
                raise
        if late.is_set():  # what has no length of its own just seems to be at its end
            raise requests.ReadTimeout
        # The whole answer is here now and already decoded; who reads the response gets it from memory.
        whole = requests.Response()
        whole.status_code, whole.headers, whole.url = response.status_code, response.headers, response.url
        whole.request, whole.reason, whole.raw = request, response.reason, BytesIO(body)
        return whole


def _read_whole(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > ANSWER_BYTES:
            response.close()
            raise _TooLargeError
    return bytes(body)


def make_session(ca_file: str | None, auth: AuthBase | None) -> requests.Session:
    """Return a session that stays within bounds, trusts known authorities (or `ca_file`) only and follows no redirect."""
    session = requests.Session()
    adapter = BoundedAdapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.verify = ca_file or True
    session.auth = auth
    session.max_redirects = 0
    # No proxies, netrc or bundle of authorities from the environment of the process.
    session.trust_env = False
    session.headers["Accept"] = "application/json"
    return session


class TokenSource:
    """An access token, renewed before it ends or once it is refused (RFC 6749, section 4.4)."""

    def __init__(
        self, session: requests.Session, url: str, login: ClientCredentials, now: Callable[[], datetime]
    ) -> None:
        """Fetch tokens from this URL over this session, which must have no login of its own."""
        self._session = session
        self._url = url
        self._login = login
        self._now = now
        self._token = ""
        self._renew_at: datetime | None = None
        self._secret_in_body = False
        self.fetched = 0

    def token(self) -> str:
        """Return a token that is good for now. VenError where none is to be had."""
        if self._renew_at is None or self._now() >= self._renew_at:
            self._fetch()
        return self._token

    def forget(self) -> None:
        """Have the next request come with a new token."""
        self._renew_at = None

    def _fetch(self) -> None:
        answer = self._ask(self._secret_in_body)
        if answer.status_code in (400, 401) and not self._secret_in_body:
            # RFC 6749 has servers take HTTP Basic; OpenADR's own document only knows the secret in the body.
            in_body = self._ask(True)
            if in_body.status_code == requests.codes.ok:
                self._secret_in_body, answer = True, in_body
        if answer.status_code in (400, 401, 403):
            raise VenError(VenProblem.LOGIN, _oauth_error(answer), status=answer.status_code)
        content = json_of(answer)
        token = content.get("access_token") if isinstance(content, dict) else None
        if not isinstance(token, str) or not 0 < len(token) <= _TOKEN_LENGTH or not token.isprintable():
            raise VenError(VenProblem.LOGIN, "the answer has no access token")
        self._token = token
        self._renew_at = self._now() + _lifetime(content.get("expires_in") if isinstance(content, dict) else None)
        self.fetched += 1

    def _ask(self, secret_in_body: bool) -> requests.Response:
        form = {"grant_type": "client_credentials"}
        if self._login.scopes:
            form["scope"] = " ".join(self._login.scopes)
        if secret_in_body:
            form |= {"client_id": self._login.client_id, "client_secret": self._login.client_secret}
            return request(self._session, "POST", self._url, data=form)
        # RFC 6749 section 2.3.1 has both encoded; UTF-8 since latin-1, which text would get, can't hold all.
        basic = requests.auth.HTTPBasicAuth(self._login.client_id.encode(), self._login.client_secret.encode())
        return request(self._session, "POST", self._url, data=form, auth=basic)


class BearerAuth(AuthBase):
    """Puts the token on each request."""

    def __init__(self, source: TokenSource) -> None:
        """Take tokens from here."""
        self._source = source

    @override
    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with the token."""
        r.headers["Authorization"] = f"Bearer {self._source.token()}"
        return r


def request(
    session: requests.Session,
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    body: object = None,
    data: Mapping[str, str] | None = None,
    auth: AuthBase | None = None,
) -> requests.Response:
    """Return the answer, whatever its status. VenError if there is none."""
    try:
        if body is not None:
            content, headers = json.dumps(body, allow_nan=False), {"Content-Type": "application/json"}
            return session.request(method, url, params=params, data=content, headers=headers, auth=auth)
        return session.request(method, url, params=params, data=data, auth=auth)
    except requests.RequestException as error:
        raise as_ven_error(error) from error


def as_ven_error(error: requests.RequestException) -> VenError:
    """Return what an error of the HTTP library means."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return status_error(error.response)
    known: tuple[tuple[type[requests.RequestException], VenProblem], ...] = (
        (_TooLargeError, VenProblem.TOO_LARGE),
        (requests.exceptions.SSLError, VenProblem.TLS),
        (requests.Timeout, VenProblem.TIMEOUT),
        (requests.TooManyRedirects, VenProblem.REFUSED),
        (requests.JSONDecodeError, VenProblem.MALFORMED),
        (requests.ConnectionError, VenProblem.UNREACHABLE),
        (requests.exceptions.ChunkedEncodingError, VenProblem.UNREACHABLE),
    )
    problem = next((problem for kind, problem in known if isinstance(error, kind)), VenProblem.UNREACHABLE)
    # The library's own text may quote a URL or an answer.
    return VenError(problem, type(error).__name__)


def json_of(response: requests.Response) -> object:
    """Return the JSON of a good answer. VenError for any other answer, and for what is no JSON.

    A number that is none, or beyond all floats, reads as false: malformed wherever a number, text, list or object is due.
    """
    if not response.ok or response.is_redirect:
        raise status_error(response)
    try:
        return json.loads(response.content, parse_int=_integer, parse_float=_fraction, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise VenError(VenProblem.MALFORMED, "the answer is no JSON") from error


def _integer(text: str) -> int | float:
    # One absurdly long number would otherwise make the whole answer unreadable.
    return int(text) if len(text) <= _LONGEST_INTEGER else _fraction(text)


def _fraction(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(_: str) -> bool:
    return False  # NaN and Infinity are no JSON (RFC 8259, section 6), but other events may stand beside them


def status_error(response: requests.Response) -> VenError:
    """Return what an answer that is no success means, with the text of its problem (RFC 9457)."""
    status = response.status_code
    by_status = {
        401: VenProblem.LOGIN,
        403: VenProblem.FORBIDDEN,
        404: VenProblem.NOT_FOUND,
        405: VenProblem.NOT_FOUND,
        408: VenProblem.TIMEOUT,
        429: VenProblem.RATE_LIMITED,
    }
    problem = by_status.get(status, VenProblem.SERVER if status >= 500 else VenProblem.REFUSED)
    return VenError(
        problem, f"HTTP {status} {_problem_text(response)}", status=status, retry_after=_retry_after(response)
    )


def _problem_text(response: requests.Response) -> str:
    content = _small_object(response)
    text = clean_text(content.get("detail")) or clean_text(content.get("title"))
    secret = str(response.request.headers.get("Authorization", "")).rpartition(" ")[2] if response.request else ""
    return "" if secret and secret in text else text  # there are servers that repeat what they were sent


def _oauth_error(response: requests.Response) -> str:
    """Return the code of an error of RFC 6749; its description is free text, and never shown."""
    error = _small_object(response).get("error")
    return error if isinstance(error, str) and error in _OAUTH_ERRORS else f"HTTP {response.status_code}"


def _small_object(response: requests.Response) -> Mapping[str, object]:
    try:
        content = json.loads(response.content[:_TOKEN_LENGTH])
    except ValueError, RecursionError:
        return {}
    return content if isinstance(content, dict) else {}


def _retry_after(response: requests.Response) -> timedelta | None:
    text = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _lifetime(expires_in: object) -> timedelta:
    """Return for how long a token is used: nine tenths of what it is good for."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or not 0 <= expires_in <= 1e9:
        return _TOKEN_LIFETIME
    return min(timedelta(seconds=expires_in) * 0.9, _LONGEST_TOKEN)
