"""Names and defaults that several parts of the shell share."""

import logging
from typing import Final

from homeassistant.const import Platform

from .engine.control.battery import BatteryAction
from .engine.grid.four_contacts import Contact

DOMAIN: Final = "smart_charging"
LOGGER: Final = logging.getLogger(__package__)

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CALENDAR,
    Platform.DATETIME,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.UPDATE,
]

# Version of the entry's data; a newer one is refused.
ENTRY_VERSION: Final = 1
ENTRY_MINOR_VERSION: Final = 1

LEDGER_FILE: Final = "smart_charging.db"
RELAY_DIRECTORY: Final = "smart_charging_relay"
FILES_DIRECTORY: Final = "smart_charging_files"

SUBENTRY_BATTERY: Final = "battery"
SUBENTRY_CHARGER: Final = "charger"
SUBENTRY_CIRCUIT: Final = "circuit"
SUBENTRY_GRID_METER: Final = "grid_meter"
SUBENTRY_GRID_SIGNAL: Final = "grid_signal"
SUBENTRY_OTHER_DEVICE: Final = "other_device"
SUBENTRY_PV: Final = "pv"

# Data of the entry (site); the name is its title.
CONF_FUSE_A: Final = "fuse_a"
CONF_PHASES: Final = "phases"
CONF_RESERVED_HOUSE_A: Final = "reserved_house_a"
CONF_PORT: Final = "port"
CONF_BIND_ADDRESS: Final = "bind_address"
CONF_TLS: Final = "tls"  # section of the form
CONF_CERTIFICATE_SOURCE: Final = "certificate_source"
CONF_CERTIFICATE: Final = "certificate"
CONF_PRIVATE_KEY: Final = "private_key"
CONF_SECOND_CERTIFICATE: Final = "second_certificate"  # with the other kind of key, EC or RSA
CONF_SECOND_PRIVATE_KEY: Final = "second_private_key"
CONF_CLIENT_CA: Final = "client_ca"
CONF_CLIENT_CRL: Final = "client_crl"
CONF_LEGACY_RSA: Final = "legacy_rsa"

# Options of the entry; one that is not there has its default.
CONF_ACCESS_MODE: Final = "access_mode"
CONF_GROUPS_SHARE: Final = "groups_share"
CONF_LOCAL_LISTS: Final = "local_lists"
CONF_POWER_LIMIT_W: Final = "power_limit_w"
CONF_UNBALANCE_A: Final = "unbalance_a"
CONF_TURN_MIN: Final = "turn_min"
CONF_SENIORITY_PER_H: Final = "seniority_per_h"
CONF_PEAK_PRESET: Final = "peak_preset"
CONF_PEAK_TARGET_KW: Final = "peak_target_kw"
CONF_PEAK_INTERVAL_MIN: Final = "peak_interval_min"
CONF_PEAK_DAYS: Final = "peak_days"
CONF_PEAK_FLOOR_KW: Final = "peak_floor_kw"
CONF_PEAK_PRICE: Final = "peak_price_per_kw"
CONF_SOLAR_PRESET: Final = "solar_preset"
CONF_RESIDUAL_W: Final = "residual_w"
CONF_ZERO_EXPORT: Final = "zero_export"
CONF_START_SHARE: Final = "start_share_percent"
CONF_START_S: Final = "start_s"
CONF_STOP_SHARE: Final = "stop_share_percent"
CONF_STOP_S: Final = "stop_s"
CONF_SMOOTHING_S: Final = "smoothing_s"
CONF_PHASES_UP_S: Final = "phases_up_s"
CONF_PHASES_DOWN_S: Final = "phases_down_s"
CONF_PHASES_HOLD_S: Final = "phases_hold_s"
CONF_PHASE_SWITCHES: Final = "phase_switches_per_day"
CONF_LEASE_HOLD_S: Final = "lease_hold_s"
CONF_LEASE_RENEW_S: Final = "lease_renew_s"
CONF_WEB_SERVER: Final = "web_server"
CONF_FILES_ADDRESS: Final = "files_address"
CONF_BILLING: Final = "billing"  # what statements and charge records are made by, under these keys
CONF_TARIFF: Final = "tariff_id"
CONF_PRICES: Final = "prices"  # all of the prices' pages, under these keys

# What is under `prices`.
CONF_PRICE_SOURCE: Final = "price_source"
CONF_PRICE: Final = "price"
CONF_TABLE: Final = "table"
CONF_ENTITIES: Final = "entities"
CONF_PRICE_ACTION: Final = "price_action"
CONF_OPENADR_SOURCE: Final = "openadr_source"  # the subentry id of a server
CONF_HOME: Final = "home"
CONF_ALL_IN: Final = "all_in"
CONF_ENTITY: Final = "entity"
CONF_ATTRIBUTE: Final = "attribute"
CONF_START_KEY: Final = "start_key"
CONF_VALUE_KEY: Final = "value_key"
CONF_END_KEY: Final = "end_key"
CONF_UNIT: Final = "unit"
CONF_MARKUP: Final = "markup_percent"
CONF_SURCHARGE: Final = "surcharge"
CONF_VAT: Final = "vat_percent"
CONF_FEED_IN_SOURCE: Final = "feed_in_source"
CONF_FEED_IN_PRICE: Final = "feed_in_price"
CONF_FEED_IN_ENTITIES: Final = "feed_in_entities"
CONF_FEED_IN_MARKUP: Final = "feed_in_markup_percent"
CONF_FEED_IN_SURCHARGE: Final = "feed_in_surcharge"
CONF_FEED_IN_VAT: Final = "feed_in_vat_percent"
CONF_CO2: Final = "co2"
CONF_CO2_FORECAST: Final = "co2_forecast"  # entities
CONF_CO2_BY_HAND: Final = "co2_by_hand"  # whether what follows says where they list it
CONF_CO2_ATTRIBUTE: Final = "co2_attribute"
CONF_CO2_START_KEY: Final = "co2_start_key"
CONF_CO2_VALUE_KEY: Final = "co2_value_key"
CONF_CO2_END_KEY: Final = "co2_end_key"
CONF_CO2_UNIT: Final = "co2_unit"
CONF_SOLAR_FORECAST: Final = "solar_forecast"
CONF_SOLAR_FORECAST_ENTITIES: Final = "solar_forecast_entities"
CONF_HOLIDAY_CALENDAR: Final = "holiday_calendar"

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
CONF_PROTOCOL: Final = "protocol"
CONF_WEBSOCKET_PING: Final = "websocket_ping"
CONF_CIRCUIT: Final = "circuit"
CONF_SOC: Final = "soc"
CONF_ADVANCED: Final = "advanced"  # section of the form
CONF_SECURITY: Final = "security"  # section of the form
CONF_SECURITY_PROFILE: Final = "security_profile"
CONF_SERIAL_NUMBER: Final = "serial_number"
CONF_ORGANIZATION: Final = "organization"
CONF_CABLE_CURRENT_A: Final = "cable_current_a"
CONF_WEIGHT: Final = "weight"
CONF_STEP_A: Final = "step_a"
CONF_PHASE_SWITCHING: Final = "phase_switching"
CONF_PHASE_SWITCH: Final = "phase_switch"
CONF_CAR: Final = "car"  # section of the form, and part of the data
CONF_CONSUMPTION_KWH: Final = "consumption_kwh"  # per 100 km
CONF_EFFICIENCY: Final = "efficiency_percent"
CONF_DEPARTURES: Final = "departures"  # section of the form, and part of the data: a calendar of departures
CONF_CALENDAR: Final = "calendar"
CONF_EVENTS: Final = "events"
CONF_EVENT_TITLE: Final = "event_title"
CONF_LEAD_MIN: Final = "lead_min"
CONF_TARGET_ENERGY_KWH: Final = "target_energy_kwh"
CONF_TARGET_SOC: Final = "target_soc_percent"
CONF_TARGET_RANGE_KM: Final = "target_range_km"
CONF_WEAR: Final = "wear_per_kwh"  # money
CONF_MODE_AFTER_UNPLUG: Final = "mode_after_unplug"
CONF_RELAY: Final = "relay"  # section of the form, and part of the data: the second central system
CONF_POLICY: Final = "policy"
CONF_AUTHORISATION: Final = "authorisation"
CONF_ALLOW_UNENCRYPTED: Final = "allow_unencrypted"

# Data of a circuit, besides those of its meter; its name is the subentry's title, its id the subentry's.
CONF_PARENT: Final = "parent"
CONF_MARGIN_A: Final = "margin_a"
CONF_RESERVED_A: Final = "reserved_a"

# Data of a battery; its name is the subentry's title, its id the subentry's.
CONF_CAPACITY_KWH: Final = "capacity_kwh"
CONF_MAX_CHARGE_W: Final = "max_charge_w"
CONF_MAX_DISCHARGE_W: Final = "max_discharge_w"
CONF_MIN_SOC: Final = "min_soc_percent"
CONF_PRIORITY_SOC: Final = "priority_soc_percent"
CONF_BUFFER_SOC: Final = "buffer_soc_percent"
CONF_BUFFER_START_SOC: Final = "buffer_start_soc_percent"
CONF_HOLD_WHILE_FAST: Final = "hold_while_fast"
CONF_GRID_EXPANSION: Final = "grid_expansion"
CONF_RESERVE_SOC: Final = "reserve_soc_percent"
CONF_BY_PLAN: Final = "by_plan"
CONF_CONTROL: Final = "control"
CONF_MODE_SELECT: Final = "mode_select"
CONF_OPTIONS: Final = {action: f"option_{action}" for action in BatteryAction}
CONF_HOLD_SWITCH: Final = "hold_switch"
CONF_CHARGE_POWER: Final = "charge_power"
CONF_DISCHARGE_POWER: Final = "discharge_power"
CONF_DISCHARGE_LIMIT: Final = "discharge_limit"
CONF_RENEW_S: Final = "renew_s"
CONF_ACTIONS: Final = {action: f"action_{action}" for action in BatteryAction}

# Data of a PV system, besides `power` and `invert`; its name is the subentry's title, its id the subentry's.
CONF_INSTALLED_KW: Final = "installed_kw"
CONF_LIMIT_NUMBER: Final = "limit_number"
CONF_ACTION_LIMIT: Final = "action_limit"
CONF_ACTION_FREE: Final = "action_free"

# Data of a source of grid signals, besides `entity` and `invert`; its name is the subentry's title, its id the subentry's.
CONF_PRESET: Final = "preset"
CONF_SIGNAL_KIND: Final = "signal_kind"
CONF_PLACE: Final = "place"  # a scope, or the subentry id of a charger
CONF_LIMIT: Final = "limit"  # in `limit_unit`
CONF_LIMIT_UNIT: Final = "limit_unit"
CONF_NO_LIMIT_FROM: Final = "no_limit_from"
CONF_BINDING: Final = "binding"
CONF_OWN_POWER: Final = "own_power"
CONF_LOST_POLICY: Final = "lost_policy"
CONF_FAILSAFE: Final = "failsafe"  # in `limit_unit`
CONF_SILENT_MIN: Final = "silent_min"
CONF_DEBOUNCE_S: Final = "debounce_s"
CONF_CONTACTS: Final = {contact: f"contact_{contact}" for contact in Contact}
CONF_DIRECTION: Final = "direction"
CONF_LIMIT_ENTITY: Final = "limit_entity"
CONF_ACTIVE_ENTITY: Final = "active_entity"
CONF_DURATION_ENTITY: Final = "duration_entity"
CONF_HEARTBEAT_ENTITY: Final = "heartbeat_entity"
CONF_FAILSAFE_KW: Final = "failsafe_kw"
CONF_FAILSAFE_H: Final = "failsafe_h"
CONF_MOST_DELAY_S: Final = "most_delay_s"
CONF_WEBHOOK_ID: Final = "webhook_id"
CONF_LOCAL_ONLY: Final = "local_only"
CONF_TOPIC: Final = "topic"

# Data of an OpenADR server among them, besides `url`, `client_id` and `client_secret`.
CONF_OPENADR_VERSION: Final = "openadr_version"
CONF_VEN_NAME: Final = "ven_name"
CONF_TARGETS: Final = "targets"
CONF_LOGIN: Final = "login"  # section of the form
CONF_TOKEN_URL: Final = "token_url"
CONF_SCOPES: Final = "scopes"
CONF_RESOURCES: Final = "resources"  # subentry ids of chargers by the name that the server knows them by
CONF_POLL_S: Final = "poll_s"
CONF_SAFE_MODE_NAME: Final = "safe_mode_name"
CONF_PROGRAM_NAME: Final = "program_name"
CONF_ALLOW_HTTP: Final = "allow_http"
CONF_CA_FILE: Final = "ca_file"  # below the configuration directory
CONF_REGISTER: Final = "register"
CONF_NOTIFICATIONS: Final = "notifications"

# Data of a controllable device that is led elsewhere, besides `power`; its name is the subentry's title, its id the subentry's.
CONF_DEVICE_KIND: Final = "device_kind"
CONF_RATED_KW: Final = "rated_kw"

# Data of a meter, of the grid connection's or a circuit's.
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
DEFAULT_TURN_MIN: Final = 15.0
DEFAULT_SENIORITY_PER_H: Final = 0.0

# The choice in a form that stands for the grid connection, whose id (`ROOT_CIRCUIT`) no form can send.
GRID_CONNECTION: Final = "grid_connection"
