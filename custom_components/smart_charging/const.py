"""Names and defaults that several parts of the shell share."""

import logging
from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "smart_charging"
LOGGER: Final = logging.getLogger(__package__)

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
]

# Version of the entry's data; a newer one is refused.
ENTRY_VERSION: Final = 1
ENTRY_MINOR_VERSION: Final = 1

LEDGER_FILE: Final = "smart_charging.db"

SUBENTRY_CHARGER: Final = "charger"
SUBENTRY_GRID_METER: Final = "grid_meter"
SUBENTRY_PV: Final = "pv"

# Data of the entry (site); the name is its title.
CONF_FUSE_A: Final = "fuse_a"
CONF_PHASES: Final = "phases"
CONF_RESERVED_HOUSE_A: Final = "reserved_house_a"
CONF_PORT: Final = "port"
CONF_BIND_ADDRESS: Final = "bind_address"
CONF_TLS: Final = "tls"  # section of the form
CONF_CERTIFICATE: Final = "certificate"
CONF_PRIVATE_KEY: Final = "private_key"

# Options of the entry.
CONF_EXPERT: Final = "expert"  # section of the form
CONF_LEASE_HOLD_S: Final = "lease_hold_s"
CONF_LEASE_RENEW_S: Final = "lease_renew_s"

# Data of a charger; its name is the subentry's title, its station id the unique id.
CONF_STATION_ID: Final = "station_id"
CONF_PASSWORD: Final = "password"
CONF_PASSWORD_HASH: Final = "password_hash"
CONF_NO_PASSWORD: Final = "no_password"
CONF_MAX_CURRENT_A: Final = "max_current_a"
CONF_ROTATION: Final = "rotation"
CONF_SAFE_CURRENT_A: Final = "safe_current_a"
CONF_PRIORITY: Final = "priority"
CONF_WRITES_FLASH: Final = "writes_flash"
CONF_WEBSOCKET_PING: Final = "websocket_ping"

# Data of the grid meter.
CONF_POWER: Final = "power"
CONF_INVERT: Final = "invert"
CONF_POWER_PHASES: Final = ("power_l1", "power_l2", "power_l3")
CONF_CURRENT_PHASES: Final = ("current_l1", "current_l2", "current_l3")
CONF_VOLTAGE_PHASES: Final = ("voltage_l1", "voltage_l2", "voltage_l3")

DEFAULT_PORT: Final = 9000
DEFAULT_BIND_ADDRESS: Final = "0.0.0.0"  # chargers dial in from the whole local network
DEFAULT_FUSE_A: Final = 35.0
DEFAULT_RESERVED_HOUSE_A: Final = 10.0
DEFAULT_MAX_CURRENT_A: Final = 16.0
