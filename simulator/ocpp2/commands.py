"""What a 2.x station does on the central system's commands."""

from simulator.ocpp.json import Payload
from simulator.ocpp.link import Answer, CommandError, NoAnswer

from . import (
    charging_commands,
    device_commands,
    maintenance_commands,
    operation_commands,
    tariff_commands,
    transaction_commands,
)
from .answers import Command
from .options import Version
from .station import SimulatedStation2

COMMANDS: dict[str, Command] = {
    **charging_commands.COMMANDS,
    **device_commands.COMMANDS,
    **maintenance_commands.COMMANDS,
    **operation_commands.COMMANDS,
    **transaction_commands.COMMANDS,
}

COMMANDS_21: dict[str, Command] = {
    **charging_commands.COMMANDS_21,
    **device_commands.COMMANDS_21,
    **tariff_commands.COMMANDS_21,
}

UNSUPPORTED = frozenset({"PublishFirmware", "UnpublishFirmware"})


def obey(station: SimulatedStation2, action: str, payload: Payload) -> Answer:
    """Carry out a command; CommandError or FormatError when it can not be answered properly."""
    command = COMMANDS.get(action)
    if command is None and station.options.version is Version.V21:
        command = COMMANDS_21.get(action)
    if command is None:
        if station.quirks.unknown_actions_unanswered:
            raise NoAnswer
        raise CommandError("NotSupported" if action in UNSUPPORTED else "NotImplemented", action)
    return command(station, payload)
