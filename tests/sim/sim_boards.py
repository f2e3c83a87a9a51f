import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SELFTEST = ROOT / "apps" / "selftest"
COUNTER = Path(__file__).parent / "counter"
PACKAGES = Path(__file__).parent / "packages"

TOOLS = {
    "host": ["cc"],
    "sim-m0": ["arm-none-eabi-gcc", "qemu-system-arm"],
    "sim-m4": ["arm-none-eabi-gcc", "qemu-system-arm"],
    "sim-m7": ["arm-none-eabi-gcc", "qemu-system-arm"],
    "sim-rv32": ["riscv64-unknown-elf-gcc", "qemu-system-riscv32"],
    "sim-xtensa": ["xtensa-lx106-elf-gcc", "qemu-system-xtensa"],
}
HOST = ["host"]
SIMULATED = [pytest.param(name, marks=pytest.mark.cross) for name in TOOLS if name != "host"]


def environment(board: str, output: Path, packages: Path = PACKAGES, **more: str) -> dict[str, str]:
    """make's variables for one board, with the fixture's packages and all output in a folder of the test."""
    for tool in TOOLS.get(board, []):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    return {
        "BOARD": board,
        "EXTERNAL_PKG_DIRS": f"{ROOT / 'riot_pkg'} {packages}",
        "BINDIRBASE": str(output),
        "CFLAGS": "",
        **more,
    }


def make(application: Path, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "-C", str(application), *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        command, env={**clean, **variables}, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=120
    )
