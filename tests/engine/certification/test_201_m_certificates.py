"""Certification cases of OCPP 2.0.1, block M: roots that are installed, listed and deleted."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station_2 import RawStation2

from .f_to_p_station import online

PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
ROOT, MAKERS = "CSMSRootCertificate", "ManufacturerRootCertificate"


def held(use: str, algorithm: str = "SHA256") -> dict[str, Any]:
    """Return a certificate as a station lists it."""
    identity = {
        "hashAlgorithm": algorithm,
        "issuerNameHash": "aabbccdd" * 8,
        "issuerKeyHash": "eeff0011" * 8,
        "serialNumber": "01020304",
    }
    return {"certificateType": use, "certificateHashData": identity}


def holds(client: RawStation2, *certificates: dict[str, Any]) -> None:
    found = {"certificateHashDataChain": list(certificates)} if certificates else {}
    client.answers["GetInstalledCertificateIds"] = {"status": "Accepted" if certificates else "NotFound", **found}


@pytest.mark.certification("TC_M_01")
@pytest.mark.certification("TC_M_02")
@pytest.mark.parametrize("use", [ROOT, MAKERS], ids=["TC_M_01-csms", "TC_M_02-maker"])
async def test_a_root_is_installed(bench: Bench, use: str) -> None:
    client = await online(bench)
    await bench.station.operations.certificates.install(PEM, use)
    assert client.sent("InstallCertificate") == [{"certificateType": use, "certificate": PEM}]
    assert client.broken == []


@pytest.mark.certification("TC_M_05")
async def test_a_root_that_can_not_be_installed_is_told(bench: Bench) -> None:
    client = await online(bench)
    client.answers["InstallCertificate"] = {"status": "Failed"}
    with pytest.raises(CommandError, match="Failed") as refused:
        await bench.station.operations.certificates.install(PEM, ROOT)
    assert refused.value.code is CommandErrorCode.REJECTED
    assert client.sent("InstallCertificate") == [{"certificateType": ROOT, "certificate": PEM}]


@pytest.mark.certification("TC_M_13")
@pytest.mark.certification("TC_M_18")
@pytest.mark.parametrize("use", [MAKERS, None], ids=["TC_M_13-maker", "TC_M_18-all"])
async def test_certificates_are_listed(bench: Bench, use: str | None) -> None:
    client = await online(bench)
    listed = (held(MAKERS),) if use else (held(ROOT), held(MAKERS))
    holds(client, *listed)
    assert await bench.station.operations.certificates.installed(use) == listed
    assert client.sent("GetInstalledCertificateIds") == [{"certificateType": [use]} if use else {}]
    assert client.broken == []


async def test_the_old_version_lists_certificates_of_one_use(bench: Bench) -> None:
    client = await bench.ready()
    with pytest.raises(CommandError) as refused:
        await bench.station.operations.certificates.installed()
    assert refused.value.code is CommandErrorCode.NOT_SUPPORTED
    assert client.sent("GetInstalledCertificateIds") == []


@pytest.mark.certification("TC_M_19")
async def test_a_station_without_certificates_lists_none(bench: Bench) -> None:
    client = await online(bench)
    holds(client)
    assert await bench.station.operations.certificates.installed(MAKERS) == ()
    assert client.sent("GetInstalledCertificateIds") == [{"certificateType": [MAKERS]}]


@pytest.mark.certification("TC_M_20")
@pytest.mark.certification("TC_M_21")
@pytest.mark.parametrize("status", ["Accepted", "Failed"], ids=["TC_M_20-gone", "TC_M_21-stays"])
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_a_root_is_deleted_by_what_the_station_listed(bench: Bench, algorithm: str, status: str) -> None:
    client = await online(bench)
    certificates = bench.station.operations.certificates
    await certificates.install(PEM, ROOT)
    holds(client, held(ROOT, algorithm))
    (found,) = await certificates.installed(ROOT)
    identity = found["certificateHashData"]
    assert isinstance(identity, dict)
    client.answers["DeleteCertificate"] = {"status": status}
    if status == "Accepted":
        await certificates.delete(identity)
    else:
        with pytest.raises(CommandError, match="Failed"):
            await certificates.delete(identity)
    expected = held(ROOT, algorithm)["certificateHashData"]
    assert client.sent("DeleteCertificate") == [{"certificateHashData": expected}]
    assert client.broken == []
