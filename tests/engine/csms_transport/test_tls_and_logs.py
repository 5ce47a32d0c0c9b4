"""The port under TLS, and what of its traffic is logged."""

import asyncio
from datetime import UTC, datetime, timedelta
import ipaddress
import logging
from pathlib import Path
import ssl

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
import pytest

from custom_components.smart_charging.engine.model import Json
from tests.manual_clock import ManualClock

from .station_side import QUICK, Client, Port, RecordingSink


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


async def test_station_connects_over_tls_and_stop_leaves_nothing_open(
    certificate: Path, sink: RecordingSink, clock: ManualClock, session: aiohttp.ClientSession
) -> None:
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(certificate)
    theirs = ssl.create_default_context(cafile=str(certificate))
    port = Port(sink, clock, session, QUICK)
    await port.start(ours)
    client = await port.dial(ssl_context=theirs)
    assert await client.alive()
    stopping = asyncio.ensure_future(port.stop())
    assert await client.close_code() == 1001
    await stopping


async def test_frames_are_logged_at_debug_only_and_without_secrets(
    station: Client, sink: RecordingSink, caplog: pytest.LogCaptureFixture
) -> None:
    async def accept(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        return {"idTagInfo": {"status": "Accepted", "parentIdTag": "SECRET"}}

    sink.handler.answer = accept
    caplog.set_level(logging.DEBUG)
    await station.ask([2, "one", "Authorize", {"idTag": "SECRET"}])
    frames = [record for record in caplog.records if "Authorize" in record.getMessage()]
    assert frames and all(record.levelno == logging.DEBUG for record in frames)
    assert "SECRET" not in caplog.text
