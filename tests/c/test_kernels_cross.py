"""A fixed set of calls of every kernel on the simulated machines, each compiled for its own core."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from kernel_calls import ROOT, RUNTIME, STRATEGIES, WARNINGS

EXAMPLES = 12  # operators of each kernel

ARM = "arm-none-eabi-gcc"
RISCV = "riscv64-unknown-elf-gcc"
XTENSA = "xtensa-lx106-elf-gcc"
CORES = {
    "cortex-m0": [ARM, "-mthumb", "-mcpu=cortex-m0"],
    "cortex-m4": [ARM, "-mthumb", "-mcpu=cortex-m4"],
    "cortex-m7": [ARM, "-mthumb", "-mcpu=cortex-m7"],
    "rv32imac": [RISCV, "-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs"],
    "host": ["cc"],
}
BOARDS = {
    "sim-m0": (ARM, "qemu-system-arm"),
    "sim-m4": (ARM, "qemu-system-arm"),
    "sim-m7": (ARM, "qemu-system-arm"),
    "sim-rv32": (RISCV, "qemu-system-riscv32"),
    "sim-xtensa": (XTENSA, "qemu-system-xtensa"),
}

pytestmark = pytest.mark.cross


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")


def fixed_calls(strategy):
    """The same calls every time."""
    calls = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(drawn):
        calls.extend(drawn)

    collect()
    return calls


def padded(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data + bytes(-len(data) % 4)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """The folder of cases.h."""
    folder = tmp_path_factory.mktemp("cases")
    calls = [call for strategy in STRATEGIES.values() for call in fixed_calls(strategy)]
    data = b"".join(padded(call.case) + padded(call.expected) for call in calls) + struct.pack("<I", 0)
    words = struct.unpack(f"<{len(data) // 4}I", data)
    lines = [", ".join(f"0x{word:x}" for word in words[i : i + 12]) for i in range(0, len(words), 12)]
    text = "#include <stdint.h>\n\nstatic const uint32_t cases[] = {\n" + ",\n".join(lines) + "\n};\n"
    (folder / "cases.h").write_text(text)
    return folder


@pytest.mark.parametrize("board", BOARDS)
def test_kernels_equal_reference_on_simulated_boards(board, cases, tmp_path):
    need("make", *BOARDS[board])
    make = ["make", "-C", ROOT / "tests/c", f"BOARD={board}", f"CASES={cases}", f"BINDIRBASE={tmp_path}"]
    subprocess.run([*make, "all"], check=True)
    run = subprocess.run([*make, "term"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert '{"msf": "kernels"}' in run.stdout, run.stdout + run.stderr
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("optimize", ["-O2", "-Os", "-O3"])
@pytest.mark.parametrize("core", CORES)
def test_kernels_compile_without_warning_and_with_little_stack(core, optimize, tmp_path):
    need(CORES[core][0])
    frame = 256 if core != "host" else 384  # bytes; doc.md promises the first
    options = [*WARNINGS, optimize, f"-Wstack-usage={frame}", f"-I{RUNTIME / 'include'}", "-c"]
    subprocess.run([*CORES[core], *options, *sorted(RUNTIME.glob("*/*.c"))], check=True, cwd=tmp_path)
