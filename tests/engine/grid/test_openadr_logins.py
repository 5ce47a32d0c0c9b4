"""A VEN logs in to a real server, keeps what is secret, and goes nowhere without TLS that it should not."""

from collections.abc import Callable
from datetime import timedelta
import logging
from pathlib import Path
import ssl

import pytest

from custom_components.smart_charging.engine.grid.openadr_config import (
    ClientCredentials,
    ConfigError,
    ConfigProblem,
    VenConfig,
)
from custom_components.smart_charging.engine.grid.openadr_http import VenProblem
from custom_components.smart_charging.engine.grid.openadr_values import Addressee
from custom_components.smart_charging.engine.grid.openadr_ven import Ven
from tests.engine.csms_transport.certificates import Issuer
from tests.engine.grid.conftest import ADDRESSEE, SECRET, capacity, config_for, limits, poll
from tests.engine.grid.vtn import Vtn
from tests.manual_clock import ManualClock

MakeVen = Callable[..., Ven]


# Logins


@pytest.mark.parametrize("secret_in", ["basic", "body"])
async def test_client_credentials_are_sent_as_the_server_wants_them(
    vtn: Vtn, make_ven: MakeVen, secret_in: str
) -> None:
    vtn.client_secret, vtn.secret_in = SECRET, secret_in
    capacity(vtn, 11)
    ven = make_ven()
    assert limits(await poll(ven)) == [11_000]
    assert len(vtn.tokens) == 1
    assert vtn.count("GET auth/server") == (0 if vtn.version == "3.0.1" else 1)


async def test_a_token_is_renewed_before_it_ends(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    vtn.client_secret, vtn.token_lifetime = SECRET, 1000
    ven = make_ven()
    await poll(ven)
    await clock.advance(899)
    await poll(ven)
    assert ven.client.tokens_fetched == 1
    await clock.advance(2)
    await poll(ven)
    assert ven.client.tokens_fetched == 2


async def test_a_token_that_the_server_revoked_is_replaced_at_once(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.client_secret = SECRET
    capacity(vtn, 11)
    ven = make_ven()
    await poll(ven)
    vtn.tokens.clear()
    state = await poll(ven)
    assert (state.problem, limits(state)) == (None, [11_000])


async def test_wrong_credentials_are_told_and_stay_secret(
    vtn: Vtn, make_ven: MakeVen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vtn.client_secret = "another"
    login = ClientCredentials(client_id="ven-client", client_secret=SECRET)
    ven = make_ven(login=login)
    state = await poll(ven)
    assert (state.problem, state.detail) == (VenProblem.LOGIN, "invalid_client")
    for text in (caplog.text, repr(state), repr(login), repr(config_for(vtn, login=login)), repr(ven)):
        assert SECRET not in text


async def test_tokens_stay_secret_even_if_a_server_repeats_them(
    vtn: Vtn, make_ven: MakeVen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vtn.client_secret = SECRET
    vtn.trouble.echo = True
    vtn.trouble.statuses = {"GET events": 500}
    state = await poll(make_ven())
    assert state.problem is VenProblem.SERVER
    assert not [token for token in vtn.tokens if token in caplog.text + repr(state)]


@pytest.mark.parametrize("version", ["3.1.0"], indirect=True)
async def test_a_secret_goes_to_no_url_without_tls_that_a_server_names(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.client_secret = SECRET
    vtn.token_url = "http://tokens.example.com/token"
    state = await poll(make_ven())
    assert state.problem is VenProblem.LOGIN
    assert vtn.count("POST auth/token") == 0


@pytest.mark.parametrize(
    "answer", [{}, [], "token", {"access_token": ""}, {"access_token": 7}, {"access_token": "a\nb"}]
)
async def test_an_answer_without_a_usable_token_is_no_login(vtn: Vtn, make_ven: MakeVen, answer: object) -> None:
    vtn.client_secret = SECRET
    vtn.trouble.token_answer = answer
    assert (await poll(make_ven())).problem is VenProblem.LOGIN


@pytest.mark.parametrize(("expires_in", "seconds"), [("soon", 3600), (-1, 3600), (True, 3600), (10**8, 86_400)])
async def test_odd_lifetimes_of_tokens_are_bounded(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock, expires_in: object, seconds: int
) -> None:
    vtn.client_secret = SECRET
    vtn.tokens.add("odd")
    vtn.trouble.token_answer = {"access_token": "odd", "expires_in": expires_in}
    ven = make_ven()
    await poll(ven)
    await clock.advance(seconds - 1)
    await poll(ven)
    assert ven.client.tokens_fetched == 1
    await clock.advance(1)
    await poll(ven)
    assert ven.client.tokens_fetched == 2


@pytest.mark.parametrize("version", ["3.1.0"], indirect=True)
@pytest.mark.parametrize(("answer", "problem"), [({}, VenProblem.MALFORMED), ({"tokenURL": "token"}, VenProblem.LOGIN)])
async def test_a_server_that_tells_no_token_url_is_no_login(
    vtn: Vtn, make_ven: MakeVen, answer: object, problem: VenProblem
) -> None:
    vtn.client_secret = SECRET
    vtn.trouble.auth_server_answer = answer
    assert (await poll(make_ven())).problem is problem
    vtn.trouble.statuses = {"GET auth": 503}
    assert (await poll(make_ven())).problem is VenProblem.SERVER


async def test_the_scopes_set_up_are_asked_for(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.client_secret = SECRET
    login = ClientCredentials(
        client_id="ven-client",
        client_secret=SECRET,
        token_url=f"{vtn.url}/auth/token",
        scopes=("read_all", "write_reports"),
    )
    assert (await poll(make_ven(login=login))).problem is None
    assert vtn.scopes == ["read_all write_reports"]
    assert vtn.count("GET auth/server") == 0


# TLS and URLs


async def test_a_certificate_is_verified(vtn: Vtn, make_ven: MakeVen, tmp_path: Path) -> None:
    authority = Issuer(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("vtn"))
    vtn.client_secret = SECRET
    await vtn.stop()
    await vtn.start(context)
    capacity(vtn, 11)
    assert (await poll(make_ven(allow_http=False))).problem is VenProblem.TLS
    assert not [request for request in vtn.requests if request.startswith("POST")]
    state = await poll(make_ven(allow_http=False, ca_file=authority.file))
    assert (state.problem, limits(state)) == (None, [11_000])


async def test_redirects_are_not_followed(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.trouble.status = 302
    vtn.trouble.headers = {"Location": f"{vtn.url}/elsewhere"}
    assert (await poll(make_ven(register=False))).problem is VenProblem.REFUSED
    assert vtn.requests == ["GET programs"]


@pytest.mark.parametrize(
    ("url", "allow_http", "problem"),
    [
        ("https://vtn.example.com/openadr3", False, None),
        ("https://vtn.example.com:8443/openadr3/", False, None),
        ("http://127.0.0.1:8080/openadr3", True, None),
        ("http://192.168.1.5/openadr3", True, None),
        ("http://[fd00::5]/openadr3", True, None),
        ("http://vtn.local/openadr3", True, None),
        ("http://127.0.0.1/openadr3", False, ConfigProblem.URL_NOT_HTTPS),
        ("http://vtn.example.com/openadr3", True, ConfigProblem.URL_NOT_HTTPS),
        ("http://8.8.8.8/openadr3", True, ConfigProblem.URL_NOT_HTTPS),
        ("ftp://vtn.example.com", True, ConfigProblem.URL),
        ("vtn.example.com", True, ConfigProblem.URL),
        ("https://", True, ConfigProblem.URL),
        ("https://user:password@vtn.example.com", True, ConfigProblem.URL),
        ("https://vtn.example.com?token=x", True, ConfigProblem.URL),
        ("https://vtn.example.com:port", True, ConfigProblem.URL),
        ("https://[::1", True, ConfigProblem.URL),
        ("https://vtn .example.com", True, ConfigProblem.URL),
    ],
)
def test_http_is_for_this_host_and_private_networks_and_only_if_allowed(
    url: str, allow_http: bool, problem: ConfigProblem | None
) -> None:
    if problem is None:
        VenConfig(vtn_url=url, addressee=ADDRESSEE, allow_http=allow_http)
        return
    with pytest.raises(ConfigError) as refused:
        VenConfig(vtn_url=url, addressee=ADDRESSEE, allow_http=allow_http)
    assert refused.value.problem is problem


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"addressee": Addressee(ven_name="")}, ConfigProblem.VEN_NAME),
        ({"addressee": Addressee(ven_name="x" * 129)}, ConfigProblem.VEN_NAME),
        ({"addressee": Addressee(ven_name="home", resources={"": None})}, ConfigProblem.RESOURCE_NAME),
        ({"poll_interval": timedelta(seconds=1)}, ConfigProblem.POLL_INTERVAL),
        ({"poll_interval": timedelta(days=1)}, ConfigProblem.POLL_INTERVAL),
        ({"report_interval": timedelta(0)}, ConfigProblem.POLL_INTERVAL),
        ({"lost_after": timedelta(seconds=119)}, ConfigProblem.LOST_AFTER),
        ({"login": ClientCredentials(client_id="", client_secret="x")}, ConfigProblem.CREDENTIALS),
        ({"login": ClientCredentials(client_id="x", client_secret="")}, ConfigProblem.CREDENTIALS),
        (
            {"login": ClientCredentials(client_id="x", client_secret="y", token_url="http://t.example.com")},
            ConfigProblem.TOKEN_URL_NOT_HTTPS,
        ),
        (
            {"login": ClientCredentials(client_id="x", client_secret="y", token_url="token")},
            ConfigProblem.TOKEN_URL,
        ),
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, object], problem: ConfigProblem) -> None:
    with pytest.raises(ConfigError) as refused:
        VenConfig(**({"vtn_url": "https://vtn.example.com", "addressee": ADDRESSEE} | settings))  # type: ignore[arg-type]
    assert refused.value.problem is problem
