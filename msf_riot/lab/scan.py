"""The serial ports on USB, as udev knows them -> entries for testbed.yaml, beside what a person wrote there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from msf_riot.errors import LabError
from msf_riot.lab.description import Lab, read_lab


@dataclass(frozen=True)
class Port:
    """A tty of a USB device; `path` is the device's place on the bus, as in 1-1.3."""

    device: str
    vendor: str
    product: str
    serial: str
    path: str
    interface: int
    name: str


@dataclass(frozen=True)
class Adapter:
    """What a USB device is: the boards that have it, the likeliest first, and which of its ttys is the console.

    `serial` is how the serial numbers of those boards begin.
    """

    name: str
    vendor: str
    products: tuple[str, ...]
    boards: tuple[str, ...]
    serial: str = ""
    console: int | None = None

    def fits(self, port: Port) -> bool:
        """True where the port is one of such a device."""
        return (
            port.vendor == self.vendor
            and (not self.products or port.product in self.products)
            and re.match(self.serial, port.serial.lstrip("0")) is not None
        )


ADAPTERS = (
    Adapter("J-Link of an nRF52840 DK", "1366", (), ("nrf52840dk",), "683|1050"),
    Adapter("J-Link of an nRF52 DK", "1366", (), ("nrf52dk",), "682"),
    Adapter("J-Link of a HiFive1 rev B", "1366", (), ("hifive1b",), "979", console=0),
    Adapter("J-Link", "1366", (), ("nrf52840dk", "nrf52dk", "hifive1b")),
    Adapter("CMSIS-DAP of a micro:bit", "0d28", ("0204",), ("microbit",)),
    Adapter(
        "ST-Link",
        "0483",
        ("374b", "374d", "374e", "374f", "3752", "3753", "3754", "3757"),
        ("nucleo-f767zi", "nucleo-f412zg", "stm32f746g-disco"),
    ),
    Adapter("FTDI of a HiFive1", "0403", ("6010",), ("hifive1",), console=1),
    Adapter("CP210x", "10c4", ("ea60", "ea70"), ("esp32-wroom-32", "esp32s3-devkit", "esp32c3-devkit")),
    Adapter("CH34x", "1a86", ("7523", "5523", "55d3", "55d4"), ("esp32-wroom-32", "esp32s3-devkit", "esp32c3-devkit")),
    Adapter("USB JTAG of an ESP32", "303a", ("1001",), ("esp32c3-devkit", "esp32s3-devkit")),
)
"""By vendor, product and the beginning of SEGGER's serial numbers, which tells the boards it sits on apart."""

USELESS_SERIALS = re.compile(r"(0*1?|0123456789ABCDEF|123456|.*[^\x21-\x7e].*)", re.IGNORECASE)
"""Of vendors that give all devices the same one."""


@dataclass(frozen=True)
class Found:
    """A device on USB: what it is, the entry proposed for it, and the id that has it in testbed.yaml already."""

    adapter: str
    devices: tuple[str, ...]
    boards: tuple[str, ...]
    entry: Mapping[str, Any]
    id: str
    known: bool

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {**vars(self), "devices": list(self.devices), "boards": list(self.boards), "entry": dict(self.entry)}


def ports() -> list[Port]:
    """Of this machine. Raises LabError where pyudev is missing."""
    try:
        import pyudev
    except ImportError as error:
        raise LabError("pyudev missing: pip install 'msf-riot[testbed]'") from error
    found = []
    for device in pyudev.Context().list_devices(subsystem="tty"):
        usb = device.find_parent("usb", "usb_device")
        if usb is None or device.device_node is None:
            continue
        told = device.properties
        found.append(
            Port(
                device=device.device_node,
                vendor=told.get("ID_VENDOR_ID", "").lower(),
                product=told.get("ID_MODEL_ID", "").lower(),
                serial=told.get("ID_SERIAL_SHORT", ""),
                path=usb.sys_name,
                interface=int(told.get("ID_USB_INTERFACE_NUM", "0") or "0", 16),
                name=told.get("ID_MODEL", "").replace("_", " "),
            )
        )
    return sorted(found, key=lambda port: (port.path, port.interface, port.device))


def scan(all_ports: Sequence[Port], lab: Lab | None) -> list[Found]:
    """One for each USB device that is recognised; those that the lab has keep their ids."""
    by_path: dict[str, list[Port]] = {}
    for port in all_ports:
        by_path.setdefault(port.path, []).append(port)
    serials = Counter(of_one[0].serial for of_one in by_path.values())
    taken = set(lab.boards) if lab else set()
    found = []
    for path, of_one in by_path.items():
        first = of_one[0]
        adapter = next((each for each in ADAPTERS if each.fits(first)), None)
        if adapter is None:
            continue
        entry: dict[str, Any] = {"board": adapter.boards[0]}
        if USELESS_SERIALS.fullmatch(first.serial) or serials[first.serial] > 1:
            entry["path"] = path
        else:
            entry["serial"] = first.serial
        if len(of_one) > 1:
            named = [port.interface for port in of_one]
            # the interfaces of a CDC device come in pairs: control and data
            entry["interface"] = named[min(adapter.console or 0, len(named) - 1)]
        if len(adapter.boards) > 1:
            entry["notes"] = f"{adapter.name}: perhaps {' or '.join(adapter.boards[1:])}"
        known = _known(lab, first)
        id_ = known or _free(adapter.boards[0], taken)
        taken.add(id_)
        devices = tuple(port.device for port in of_one)
        found.append(Found(adapter.name, devices, adapter.boards, entry, id_, known is not None))
    return found


def _known(lab: Lab | None, port: Port) -> str | None:
    for board in lab.boards.values() if lab else ():
        named = {board.serial, board.adapter} - {None}
        if port.serial in named and not (board.path and board.path != port.path):
            return board.id
        if board.path == port.path and board.serial in (None, port.serial):
            return board.id
    return None


def _free(board: str, taken: Iterable[str]) -> str:
    number = 1
    while f"{board}-{number}" in taken:
        number += 1
    return f"{board}-{number}"


def merge(file: Path, found: Sequence[Found]) -> int:
    """Adds what is new to the end of testbed.yaml; every character that was there stays. How many were added.

    Raises LabError where the file is written in a way that nothing can be added to.
    """
    new = {each.id: dict(each.entry) for each in found if not each.known}
    if not new:
        return 0
    before = file.read_text(encoding="utf-8") if file.exists() else "boards:\n"
    indent = re.search(r"^boards:[^\n]*\n(?:\s*(?:#[^\n]*)?\n)*( +)\S", before, re.MULTILINE)
    step = indent[1] if indent else "  "
    dumped = yaml.safe_dump(new, sort_keys=False, allow_unicode=True)
    added = "".join(f"{step}{line}\n" for line in dumped.splitlines())
    after = before + ("" if before.endswith("\n") else "\n") + added
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(after, encoding="utf-8")
    kept = set(read_lab(file).boards) if file.exists() else set()
    try:
        merged = set(read_lab(fresh).boards)
    except LabError:
        merged = set()
    if merged != kept | set(new):
        fresh.unlink()
        raise LabError(f"nothing can be added to the end of {file}: write its boards in lines, as scan does")
    fresh.replace(file)
    return len(new)
