"""The action that hands out the certificate which chargers have to trust."""

from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import probatio

from .const import DOMAIN
from .port_certificates import CertificateError, async_authority

AUTHORITY_SCHEMA: Final = probatio.Schema({})


async def get_certificate_authority(call: ServiceCall) -> ServiceResponse:
    """Return the root's certificate in PEM, its SHA-256 to compare by eye, and when it ends."""
    try:
        authority = await async_authority(call.hass)
    except CertificateError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="certificate_invalid",
            translation_placeholders={"detail": str(err)},
        ) from err
    if authority is None:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_certificate_authority")
    return {
        "certificate": authority.root_pem,
        "fingerprint": authority.fingerprint,
        "expires": authority.expires.isoformat(),
    }
