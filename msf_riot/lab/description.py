"""testbed.yaml -> Lab: its boards, and how each is recognised and reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serial.tools import list_ports

from msf_riot import boards, build
from msf_riot.boards import Board
from msf_riot.errors import BoardError, LabError
from msf_riot.lab.yaml_file import read_yaml


@dataclass(frozen=True)
class Power:
    """How a board's supply is switched: a port of a hub, by uhubctl, or a command of the user's."""

    hub: str | None = None
    port: int | None = None
    command: str | None = None

    def cycle(self) -> str:
        """The shell command that takes the supply away and brings it back."""
        return self.command or f"uhubctl --location {self.hub} --ports {self.port} --action cycle"


@dataclass(frozen=True)
class LabBoard:
    """One board of a lab.

    `serial` and `path` are those of its USB device (path as in 1-1.2), `interface` tells several ports of one device
    apart; `adapter` is the serial number of its debug adapter. `quarantine` says why a person keeps it from work, ""
    where nobody does.
    """

    id: str
    board: Board
    serial: str | None = None
    path: str | None = None
    interface: int | None = None
    adapter: str | None = None
    power: Power | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""
    quarantine: str = ""

    @property
    def emulated(self) -> bool:
        """True where its terminal starts the firmware: nothing is flashed, reset or supplied."""
        if "PROGRAMMER_FLASH" in self.environment:
            return False
        return self.board.kind != "riot" or self.board.isa == "native" or self.environment.get("EMULATE") == "1"

    @property
    def place(self) -> str:
        """What it is to locks: the device where it is known, since two labs may name the same one."""
        known = self.serial or self.path or self.environment.get("PORT") or self.environment.get("IOTLAB_NODE")
        return f"{self.board.name}-{known}" if known and not self.emulated else self.id

    def reaching(self) -> dict[str, str]:
        """What make needs, beside what the firmware was built with, to reach it. Raises BoardError, LabError."""
        settings = {name: value for name, value in self.environment.items() if name != "EMULATE"}
        settings.update(build.emulation(self.board, self.environment))
        if self.adapter or self.serial:
            settings.setdefault("DEBUG_ADAPTER_ID", self.adapter or self.serial or "")
        if not self.emulated and (self.serial or self.path) and "PORT" not in settings:
            settings["PORT"] = self._port()
        return settings

    def _port(self) -> str:
        found = []
        for port in list_ports.comports():
            place, _, interface = (port.location or "").partition(":")
            if self.serial is not None and port.serial_number != self.serial:
                continue
            if self.path is not None and place != self.path:
                continue
            if self.interface is not None and interface.rpartition(".")[2] != str(self.interface):
                continue
            found.append(port.device)
        if len(found) == 1:
            return str(found[0])
        named = " and ".join(
            f"{name} {value}" for name, value in (("serial number", self.serial), ("USB path", self.path)) if value
        )
        if not found:
            raise LabError(f"board {self.id} is not there: no serial port has {named}: is it plugged in?")
        raise LabError(f"board {self.id}: {', '.join(sorted(found))} all have {named}: say which `interface:` it is")


@dataclass(frozen=True)
class Lab:
    """The boards of a lab, by their ids in the file's order."""

    file: Path
    boards: Mapping[str, LabBoard]

    def board(self, id_: str) -> LabBoard:
        """Raises LabError where there is none."""
        if id_ not in self.boards:
            raise LabError(f"the testbed {self.file} has no board '{id_}': it has {', '.join(self.boards)}")
        return self.boards[id_]


def read_lab(file: Path) -> Lab:
    """Raises LabError, and BoardError for a board that boards.yaml does not know."""
    content = read_yaml(file, "testbed.schema.json", "the testbed")
    return Lab(file.absolute(), {id_: _board(file, id_, entry) for id_, entry in content["boards"].items()})


def _board(file: Path, id_: str, entry: Mapping[str, Any]) -> LabBoard:
    given = dict(entry)
    try:
        board = boards.load(given.pop("board"))
    except BoardError as error:
        raise BoardError(f"the testbed {file}: board {id_}: {error}") from error
    power = given.pop("power", None)
    quarantine = given.pop("quarantine", False)
    environment = {name: _text(value) for name, value in given.pop("environment", {}).items()}
    made = LabBoard(
        id=id_,
        board=board,
        power=Power(**power) if power else None,
        quarantine=quarantine if isinstance(quarantine, str) else "it stands in the testbed's file" * quarantine,
        environment=environment,
        **given,
    )
    build.emulation(made.board, made.environment)  # what is wrong here will not mend itself
    return made


def _text(value: str | int | bool) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
