"""Devices on USB as udev tells of them, played by umockdev: every adapter that boards come with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DEVICES = [
    # USB path, vendor, product, model, serial number, ttys with their interfaces
    ("1-1", "1366", "1015", "J-Link", "000683012345", [("ttyACM0", 0)]),
    ("1-2", "1366", "1015", "J-Link", "000682098765", [("ttyACM1", 0)]),
    ("1-3", "1366", "1051", "J-Link", "000979000123", [("ttyACM2", 0), ("ttyACM3", 2)]),
    ("1-4", "0d28", "0204", "BBC_micro:bit_CMSIS-DAP", "99000000", [("ttyACM4", 1)]),
    ("1-5", "0483", "374b", "STM32_STLink", "066FFF303430484257142114", [("ttyACM5", 2)]),
    ("1-6", "0403", "6010", "Dual_RS232-HS", "", [("ttyUSB0", 0), ("ttyUSB1", 1)]),
    ("1-7.1", "10c4", "ea60", "CP2102_USB_to_UART_Bridge_Controller", "0001", [("ttyUSB2", 0)]),
    ("1-7.2", "10c4", "ea60", "CP2102_USB_to_UART_Bridge_Controller", "0001", [("ttyUSB3", 0)]),
    ("1-7.3", "1a86", "7523", "USB_Serial", "", [("ttyUSB4", 0)]),
    ("1-7.4", "303a", "1001", "USB_JTAG_serial_debug_unit", "7C:DF:A1:00:11:22", [("ttyACM6", 0)]),
    ("1-8", "2341", "0043", "Arduino_Uno", "5573", [("ttyACM7", 0)]),
]


def recorded(devices) -> str:
    """In umockdev's format."""
    blocks = []
    minor = 0
    for number, (path, vendor, product, model, serial, ttys) in enumerate(devices, start=2):
        parent = f"/devices/pci0000:00/0000:00:14.0/usb1/{path}"
        about = [
            f"E: ID_VENDOR_ID={vendor}",
            f"E: ID_MODEL_ID={product}",
            f"E: ID_MODEL={model}",
            *([f"E: ID_SERIAL_SHORT={serial}"] if serial else []),
        ]
        head = [f"P: {parent}", f"N: bus/usb/001/{number:03}", "E: DEVTYPE=usb_device", "E: SUBSYSTEM=usb", *about]
        blocks.append("\n".join([*head, f"A: idVendor={vendor}", f"A: idProduct={product}"]))
        for tty, interface in ttys:
            below = f"{parent}/{path}:1.{interface}"
            blocks.append(f"P: {below}\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\nA: bInterfaceNumber={interface:02}")
            lines = [f"P: {below}/tty/{tty}", f"N: {tty}", f"E: DEVNAME=/dev/{tty}", "E: SUBSYSTEM=tty", *about]
            minor += 1
            blocks.append("\n".join([*lines, f"E: ID_USB_INTERFACE_NUM={interface:02}", f"A: dev=166:{minor}"]))
    return "\n\n".join(blocks) + "\n"


@pytest.fixture
def scan(tmp_path: Path):
    if shutil.which("umockdev-run") is None:
        pytest.skip("no umockdev: apt install umockdev")

    def scan(*arguments: str, devices=DEVICES):
        (tmp_path / "usb.umockdev").write_text(recorded(devices))
        command = ["umockdev-run", "-d", str(tmp_path / "usb.umockdev"), "--", sys.executable, "-m", "msf_riot.cli"]
        done = subprocess.run(
            [*command, "testbed", "scan", *arguments, "--json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return scan


def test_every_adapter_is_known(scan, tmp_path: Path) -> None:
    found = {each["devices"][0][5:]: each for each in scan()["found"]}
    entries = {tty: {k: v for k, v in each["entry"].items() if k != "notes"} for tty, each in found.items()}
    assert entries == {
        "ttyACM0": {"board": "nrf52840dk", "serial": "000683012345"},
        "ttyACM1": {"board": "nrf52dk", "serial": "000682098765"},
        "ttyACM2": {"board": "hifive1b", "serial": "000979000123", "interface": 0},
        "ttyACM4": {"board": "microbit", "serial": "99000000"},
        "ttyACM5": {"board": "nucleo-f767zi", "serial": "066FFF303430484257142114"},
        "ttyUSB0": {"board": "hifive1", "path": "1-6", "interface": 1},
        "ttyUSB2": {"board": "esp32-wroom-32", "path": "1-7.1"},
        "ttyUSB3": {"board": "esp32-wroom-32", "path": "1-7.2"},
        "ttyUSB4": {"board": "esp32-wroom-32", "path": "1-7.3"},
        "ttyACM6": {"board": "esp32c3-devkit", "serial": "7C:DF:A1:00:11:22"},
    }
    assert found["ttyACM5"]["entry"]["notes"] == "ST-Link: perhaps nucleo-f412zg or stm32f746g-disco"
    assert len(yaml.safe_load((tmp_path / "testbed.yaml").read_text())["boards"]) == 10


def test_what_a_person_wrote_stays(scan, tmp_path: Path) -> None:
    written = (
        "# our lab\n\nboards:\n    door:   # third shelf\n        board: nrf52840dk\n        serial: '000683012345'\n"
        "        notes: mine\n    esp: {board: esp32s3-devkit, path: 1-7.2}\n"
    )
    file = tmp_path / "testbed.yaml"
    file.write_text(written)
    assert scan("--dry-run")["added"] == 0 and file.read_text() == written
    first = scan()
    assert first["added"] == 8
    assert [each["id"] for each in first["found"] if each["known"]] == ["door", "esp"]
    assert file.read_text().startswith(written)
    merged = file.read_text()
    again = scan()
    assert again["added"] == 0 and file.read_text() == merged and all(each["known"] for each in again["found"])
    # one more board of a kind that is there
    more = [*DEVICES, ("1-9", "1366", "1015", "J-Link", "000683077777", [("ttyACM9", 0)])]
    assert scan(devices=more)["added"] == 1
    assert "nrf52840dk-1" in yaml.safe_load(file.read_text())["boards"]


def test_a_file_that_nothing_can_be_added_to(scan, tmp_path: Path) -> None:
    file = tmp_path / "testbed.yaml"
    file.write_text("boards: {here: {board: host}}\n")
    with pytest.raises(AssertionError, match="nothing can be added to the end of"):
        scan()
    assert file.read_text() == "boards: {here: {board: host}}\n"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []
