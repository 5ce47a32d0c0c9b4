"""What a handshake says, read without trust: the station's id and the protocol version to speak."""

from collections.abc import Sequence
import re
from typing import Final
from urllib.parse import unquote_to_bytes

_STATION_ID: Final = re.compile(rb"[A-Za-z0-9*+=|@._-]{1,48}")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_OCPP: Final = re.compile(r"ocpp[0-9]\.[0-9](\.[0-9])?")
_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def station_id_of(raw_target: str) -> str | None:
    """Return the station id of a request target, its last path segment; None for an unfit one.

    Percent-encoding is undone once. Length and characters are those of an identifierString (OCPP
    2.0.1 part 2 section 3.1) without the colon, which HTTP Basic can't carry in a user name.
    """
    path = raw_target.partition("?")[0].partition("#")[0]
    if not path.startswith("/"):
        return None
    segment = path.rpartition("/")[2]
    if _PERCENT.search(segment):
        return None
    station_id = unquote_to_bytes(segment)
    if not _STATION_ID.fullmatch(station_id) or not station_id.strip(b"."):
        return None
    return station_id.decode("ascii")


def address_of(scheme: str, host: str | None, mount: str = "") -> str | None:
    """Return the address at which a peer that sent this Host header found us; None for an unfit or missing one.

    `mount` is the path before what is ours, without a slash at its end.
    """
    return f"{scheme}://{host}{mount}" if host is not None and _HOST.fullmatch(host) else None


def _version(offered: str) -> str:
    return "ocpp1.6" if offered.lower() == "ocpp1.6j" else offered.lower()


def versions_of(offered_headers: Sequence[str]) -> frozenset[str]:
    """Return the versions of OCPP among what a station offers, at most eight, by our names."""
    offered = [_version(name.strip()) for header in offered_headers for name in header.split(",")]
    return frozenset([name for name in offered if _OCPP.fullmatch(name)][:8])


def negotiate(offered_headers: Sequence[str], spoken: Sequence[str]) -> tuple[str, str] | None:
    """Return the newest version spoken by both, and the station's own spelling of it to echo.

    `offered_headers` are the values of Sec-WebSocket-Protocol, `spoken` our versions, newest first.
    """
    offered = [name.strip() for header in offered_headers for name in header.split(",")]
    for version in spoken:
        for name in offered:
            if _version(name) == version:
                return version, name
    return None
