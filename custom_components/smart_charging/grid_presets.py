"""What a grid operator may ask for, by country or by the way it is told; each has a page of its own in the set-up."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .engine.control.peak import PeakPreset


class GridPreset(StrEnum):
    """What a user chooses from."""

    DE_14A_RELAY = "de_14a_relay"
    DE_14A_CONTROL_BOX = "de_14a_control_box"
    DE_14A_EEBUS = "de_14a_eebus"
    DE_FEED_IN_60 = "de_feed_in_60"
    NL_OPENADR = "nl_openadr"
    BE_CAPACITY = "be_capacity"
    NO_EFFECT = "no_effect"
    SE_EFFECT = "se_effect"
    UK = "uk"
    CH_AT_BLOCK = "ch_at_block"
    CONTACT = "contact"
    NUMBER = "number"
    STANDING = "standing"
    WEBHOOK = "webhook"
    MQTT = "mqtt"
    OPENADR = "openadr"


class GridPage(StrEnum):
    """The page on which a preset is set up: the name of its step."""

    CONTACT = "contact"
    CONTROL_BOX = "control_box"
    EEBUS = "eebus"
    NUMBER = "number"
    STANDING = "standing"
    WEBHOOK = "webhook"
    MQTT = "mqtt"
    OPENADR = "openadr"
    UK = "uk"
    PEAK = "peak"  # no signal: the tariff on peaks among the site's options


PAGE_OF: Final[Mapping[GridPreset, GridPage]] = {
    GridPreset.DE_14A_RELAY: GridPage.CONTACT,
    GridPreset.DE_14A_CONTROL_BOX: GridPage.CONTROL_BOX,
    GridPreset.DE_14A_EEBUS: GridPage.EEBUS,
    GridPreset.DE_FEED_IN_60: GridPage.STANDING,
    GridPreset.NL_OPENADR: GridPage.OPENADR,
    GridPreset.BE_CAPACITY: GridPage.PEAK,
    GridPreset.NO_EFFECT: GridPage.PEAK,
    GridPreset.SE_EFFECT: GridPage.PEAK,
    GridPreset.UK: GridPage.UK,
    GridPreset.CH_AT_BLOCK: GridPage.CONTACT,
    GridPreset.CONTACT: GridPage.CONTACT,
    GridPreset.NUMBER: GridPage.NUMBER,
    GridPreset.STANDING: GridPage.STANDING,
    GridPreset.WEBHOOK: GridPage.WEBHOOK,
    GridPreset.MQTT: GridPage.MQTT,
    GridPreset.OPENADR: GridPage.OPENADR,
}
PEAK_OF: Final[Mapping[GridPreset, PeakPreset]] = {
    GridPreset.BE_CAPACITY: PeakPreset.FLANDERS,
    GridPreset.NO_EFFECT: PeakPreset.NORWAY,
    GridPreset.SE_EFFECT: PeakPreset.SWEDEN,
}
# What is offered first in a country; the choice stays free.
PRESETS_OF_COUNTRY: Final[Mapping[str, GridPreset]] = {
    "DE": GridPreset.DE_14A_RELAY,
    "NL": GridPreset.NL_OPENADR,
    "BE": GridPreset.BE_CAPACITY,
    "NO": GridPreset.NO_EFFECT,
    "SE": GridPreset.SE_EFFECT,
    "GB": GridPreset.UK,
    "CH": GridPreset.CH_AT_BLOCK,
    "AT": GridPreset.CH_AT_BLOCK,
}
