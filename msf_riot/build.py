"""Builds one application for one board, and reads from the ELF what the build takes.

Takes a Board, the application's folder and the folder of the generated packages; gives a Build: the ELF, its sizes and
the environment with which make, and riotctrl, reach the board. RIOT's makefiles do the work for RIOT's boards,
sim/Makefile.include, which offers the same targets, for the others.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from msf_riot.boards import Board, Tool
from msf_riot.errors import BoardError, BuildError, DoesNotFitError
from msf_riot.places import ROOT, check_path
from msf_riot.riot import find_riot

Optimize: TypeAlias = Literal["speed", "size"]

RIOT_OPTIMIZE: Mapping[Optimize, str] = {"speed": "-O2", "size": "-Os"}

RUNTIME = "msf_runtime"
"""Package of the kernels."""

LAST_LINES = 12
"""Lines of make's output that the message of a BuildError shows at most."""


@dataclass(frozen=True)
class Build:
    """An application built for a board. text, data and bss in bytes, see section_sizes().

    `arena_bytes` is the size of the arena symbols, `weights_bytes` of everything that weights.c put into the ELF;
    `code_bytes` and `constant_bytes` are what the model and the kernels put into it, see model_sizes().
    `environment` is what make needs to reach the board (flash, reset, term): add nothing to it but PORT and its like.
    """

    board: Board
    application: Path
    elf: Path
    log: Path
    environment: Mapping[str, str]
    text_bytes: int
    data_bytes: int
    bss_bytes: int
    arena_bytes: int
    weights_bytes: int
    code_bytes: int
    constant_bytes: int

    @property
    def flash_bytes(self) -> int:
        """What the image takes in flash: text, and the initial values of data."""
        return self.text_bytes + self.data_bytes

    @property
    def ram_bytes(self) -> int:
        """Static RAM: data and bss."""
        return self.data_bytes + self.bss_bytes


def build(
    board: Board,
    application: Path,
    package_directory: Path,
    build_directory: Path,
    *,
    jobs: int = 1,
    optimize: Optimize = "speed",
    extra: Mapping[str, str] | None = None,
) -> Build:
    """Builds `application` with the generated packages in `package_directory`, all output in `build_directory`.

    `extra` is added to make's environment. What is up to date is not built again. Raises BoardError for a missing
    toolchain or RIOT, DoesNotFitError where the linker finds the board too small, BuildError for any other failure.
    """
    check_path(application.absolute(), f"the application {application.name}")
    check_path(build_directory.absolute(), "what is built")
    make_environment = {**environment(board, package_directory, build_directory, optimize=optimize), **(extra or {})}
    log = build_directory / f"make-{board.name}.log"
    build_directory.mkdir(parents=True, exist_ok=True)
    _discard_other_settings(build_directory / "bin", make_environment)
    if board.kind == "riot":
        _make_riot(board, application, make_environment, jobs, log)
    else:
        _make(board, application, make_environment, jobs, log)
    elf = _elf(build_directory / "bin" / board.name)
    text, data, bss = section_sizes(elf)
    code, constants = model_sizes(elf)
    return Build(
        board=board,
        application=application,
        elf=elf,
        log=log,
        environment={**make_environment, **emulation(board)},
        text_bytes=text,
        data_bytes=data,
        bss_bytes=bss,
        arena_bytes=arena_bytes(elf),
        weights_bytes=weights_bytes(elf),
        code_bytes=code,
        constant_bytes=constants,
    )


def environment(
    board: Board, package_directory: Path, build_directory: Path, *, optimize: Optimize = "speed"
) -> dict[str, str]:
    """What make has to find in its environment, beside the user's own, to build for the board.

    Raises BoardError where the toolchain or RIOT is missing.
    """
    if reason := obstacle(board):
        raise BoardError(reason)
    check_path(package_directory.absolute(), "what is generated")
    common = {
        "BOARD": board.name,
        "MSFBASE": str(ROOT),
        "EXTERNAL_PKG_DIRS": f"{ROOT / 'riot_pkg'} {package_directory.resolve()}",
        "BINDIRBASE": str((build_directory / "bin").resolve()),
        "MSF_STACK_BYTES": str(board.stack_bytes),
        **board.environment,
    }
    if board.kind != "riot":
        return {**common, "OPTIMIZE": optimize}
    return {
        **common,
        "RIOTBASE": str(find_riot()),
        "CFLAGS_OPT": RIOT_OPTIMIZE[optimize],
        "CC_NOCOLOR": "1",
        "EMULATE": "0",  # a build is the same for both, and each parse with EMULATE=1 leaves a directory in /tmp
        **without_newlib(board),
    }


def obstacle(board: Board) -> str | None:
    """Why the board cannot be built for on this machine, in one line that says what to do; None where it can."""
    try:
        check_path(ROOT, "msf-riot")
    except BoardError as error:
        return str(error)
    remedy = board.toolchain.install
    if board.kind == "riot":
        try:
            riot = find_riot()
            check_path(riot, "RIOT")
        except BoardError as error:
            return str(error)
        if os.environ.get("BUILD_IN_DOCKER") == "1":
            return None
        remedy = f"{remedy.replace('$RIOTBASE', str(riot))}, or set BUILD_IN_DOCKER=1"
    return None if board.toolchain.find() else _missing(board, board.toolchain, remedy)


def emulation(board: Board, settings: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What make needs beside environment() to run a RIOT board in its emulator; empty without EMULATE=1 in `settings`.

    QEMU is RIOT's terminal program, on standard input and output. RIOT's own EMULATE=1 puts a Unix socket and socat
    between, and QEMU's FE310 UART drops what does not fit the socket: after some 280 bytes where socat is not quick.

    Raises BoardError where EMULATE=1 is set and the board has no emulator, or that is not installed.
    """
    if board.kind != "riot" or board.isa == "native" or settings.get("EMULATE") != "1":
        return {}
    if board.emulator is None or board.machine is None:
        raise BoardError(
            f"EMULATE=1, but no emulator runs BOARD={board.name}: unset EMULATE, or name one in boards.yaml"
        )
    emulator = board.emulator.find()
    if emulator is None:
        raise BoardError(_missing(board, board.emulator, board.emulator.install))
    machine = f"-machine {board.machine} -device loader,file=$(ELFFILE)"
    return {
        "TERMPROG": str(emulator),
        "TERMFLAGS": f"{machine} -display none -monitor none -serial stdio",
        # Without these, flash and reset would reach for a real board that happens to be plugged in.
        "PROGRAMMER_FLASH": "true",
        "PROGRAMMER_RESET": "true",
    }


def check_fits(board: Board, *, ram_bytes: int, flash_bytes: int) -> None:
    """Refuses, before anything is compiled, what surely does not fit: raises DoesNotFitError with both numbers.

    `ram_bytes` is what the model takes (arena, result), `flash_bytes` its weights and vectors. What RIOT and the
    application take beside it is in boards.yaml; the linker has the last word.
    """
    overhead = board.overhead
    for kind, needed, whole, taken in (
        ("RAM", ram_bytes, board.ram_bytes, overhead.all_ram_bytes if overhead else 0),
        ("flash", flash_bytes, board.flash_bytes, overhead.flash_bytes if overhead else 0),
    ):
        if whole is not None and needed > whole - taken:
            remedy = f"a plan of 'msf-riot plan MODEL --board {board.name}'" if kind == "RAM" else "a smaller model"
            raise DoesNotFitError(
                f"does not fit BOARD={board.name}: the model needs {needed} bytes of {kind}, and of the board's "
                f"{whole} only {max(whole - taken, 0)} are left beside the system and the application: "
                f"it takes {remedy}, or a board with {needed + taken} bytes"
            )


def section_sizes(elf: Path) -> tuple[int, int, int]:
    """(text, data, bss) of an ELF in bytes, counted as the `size` tool does, but for .rodata, which always is text.

    RIOT's linker script for the FE310 marks it as writable, so that `size` counts the weights, in flash, as data.
    """
    text = data = bss = 0
    with elf.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if not section["sh_flags"] & SH_FLAGS.SHF_ALLOC:
                continue
            if section["sh_type"] == "SHT_NOBITS":
                bss += section["sh_size"]
            elif section["sh_flags"] & SH_FLAGS.SHF_WRITE and not section.name.startswith(".rodata"):
                data += section["sh_size"]
            else:
                text += section["sh_size"]
    return text, data, bss


def arena_bytes(elf: Path) -> int:
    """Bytes of the packages' static arenas, msf_model_<model>_arena; 0 where the application brings its own."""
    return sum(size for name, size in objects(elf).items() if re.fullmatch(r"msf_model_\w+_arena", name))


def weights_bytes(elf: Path) -> int:
    """Bytes that the weights.c of the packages beside the ELF put into it; what the linker dropped does not count."""
    kept = objects(elf)
    names = {name for file in elf.parent.glob("*/weights.o") for name in objects(file)}
    return sum(kept.get(name, 0) for name in names)


def model_sizes(elf: Path) -> tuple[int, int]:
    """Bytes of (code, constants) that the models' packages and the kernels put into an ELF, by the linker's map.

    Constants include the weights. What the kernels call in the C library and the compiler's (memcpy, 64-bit products)
    is left out, as are the test vectors and the application.
    """
    packages = {RUNTIME, *(file.parent.name for file in elf.parent.glob("*/weights.o"))}
    _, _, kept = elf.with_suffix(".map").read_text(errors="replace").partition("Linker script and memory map")
    code = constants = 0
    # name, address, size, object; a long name stands on a line of its own
    for name, size, file in re.findall(r"^ (\.\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S.*\.o\)?)$", kept, re.MULTILINE):
        if Path(re.sub(r"\.a\(.*", "", file) if file.endswith(")") else Path(file).parent).name not in packages:
            continue
        if re.match(r"\.(text|literal)\b", name):
            code += int(size, 16)
        elif re.match(r"\.(s?rodata|s?data)\b", name):
            constants += int(size, 16)
    return code, constants


def objects(elf: Path) -> dict[str, int]:
    """Size in bytes of each variable that the file defines."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            return {}
        return {
            symbol.name: symbol["st_size"]
            for symbol in table.iter_symbols()
            if symbol["st_info"]["type"] == "STT_OBJECT" and symbol["st_shndx"] != "SHN_UNDEF"
        }


def _elf(directory: Path) -> Path:
    found = sorted(directory.glob("*.elf"))
    if len(found) != 1:
        raise BuildError(f"make ended well, but there are {len(found)} ELF files in {directory}")
    return found[0]


def _missing(board: Board, tool: Tool, remedy: str) -> str:
    wanted = tool.executables[0] if len(tool.executables) == 1 else f"one of {', '.join(tool.executables)}"
    return f"BOARD={board.name} needs {wanted}, which is not on PATH: {remedy}"


def without_newlib(board: Board) -> dict[str, str]:
    """RIOT prefers newlib and finds too late that Debian's RISC-V compiler comes with picolibc only."""
    compiler = board.toolchain.find()
    if compiler is None or not board.isa.startswith("rv32") or os.environ.get("BUILD_IN_DOCKER") == "1":
        return {}
    probe = subprocess.run([compiler, "-E", "-xc", "-"], input=b"#include <newlib.h>", capture_output=True, check=False)
    if probe.returncode == 0:
        return {}
    return {"FEATURES_BLACKLIST": f"{os.environ.get('FEATURES_BLACKLIST', '')} newlib".strip()}


def _discard_other_settings(directory: Path, settings: Mapping[str, str]) -> None:
    """RIOT does not build anew when flags or packages' folders change: drop objects that were built with others."""
    wanted = json.dumps(settings, sort_keys=True, indent=2)
    stamp = directory / f"settings-{settings['BOARD']}.json"
    if stamp.is_file() and stamp.read_text() != wanted:
        shutil.rmtree(directory / settings["BOARD"], ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted)


def _make_riot(board: Board, application: Path, settings: Mapping[str, str], jobs: int, log: Path) -> None:
    """Builds a RIOT board; its first build in a RIOT checkout alone, since RIOT's downloads of vendor headers race."""
    packages = _riot_packages(board, application, settings)
    shared = Path(os.environ.get("BUILD_DIR") or Path(settings["RIOTBASE"]) / "build") / ".msf-riot"
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]
    downloaded = shared / f"{board.name}-{digest}"
    if downloaded.exists():
        _make(board, application, settings, jobs, log)
        return
    try:
        shared.mkdir(parents=True, exist_ok=True)
        lock = (shared / "lock").open("w")
    except OSError as error:
        raise BoardError(
            f"RIOT cannot build in {shared.parent} ({error.strerror}): set BUILD_DIR to a folder"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make(board, application, settings, jobs, log)
        downloaded.touch()


def _riot_packages(board: Board, application: Path, settings: Mapping[str, str]) -> Sequence[str]:
    """The packages that RIOT resolves for the application, each of which exists: a misspelt one would only be a
    missing header later."""
    command = ["make", "--no-print-directory", "-C", str(application), "info-build-json"]
    result = _run(command, settings)
    try:
        described = json.loads(result.stdout[result.stdout.index("{") :])
    except ValueError as error:
        output = result.stderr + result.stdout
        raise BuildError(f"RIOT cannot build {application.name} for BOARD={board.name}:\n{_telling(output)}") from error
    folders = [Path(described["RIOTPKG"]), *map(Path, described["EXTERNAL_PKG_DIRS"])]
    packages: list[str] = described["USEPKG"]
    for package in packages:
        if not any((folder / package / "Makefile").is_file() for folder in folders):
            raise BuildError(f"there is no RIOT package '{package}' in {', '.join(map(str, folders))}: check USEPKG")
    return packages


def _make(board: Board, application: Path, settings: Mapping[str, str], jobs: int, log: Path) -> None:
    result = _run(["make", "--no-print-directory", f"-j{jobs}", "-C", str(application), "all"], settings, log)
    if result.returncode != 0:
        output = log.read_text(errors="replace")
        _check_overflow(board, output)
        raise BuildError(f"make failed for BOARD={board.name}, see {log}:\n{_telling(output)}")


def _check_overflow(board: Board, output: str) -> None:
    overflows = re.findall(r"region `(\w+)' overflowed by (\d+) bytes", output)
    if not overflows:
        return
    parts = []
    for region, exceeding in dict(overflows).items():
        ram = re.search("ram", region, re.IGNORECASE)
        whole = board.ram_bytes if ram else board.flash_bytes
        limit = f" of the board's {whole}" if whole else ""
        parts.append(f"{exceeding} bytes more than all{limit} bytes of {'RAM' if ram else 'flash'}")
    raise DoesNotFitError(
        f"does not fit BOARD={board.name}: the application and the model need {' and '.join(parts)}: "
        "it takes a plan with a smaller arena, a smaller model or a larger board"
    )


def _run(
    command: Sequence[str], settings: Mapping[str, str], log: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs make with the settings in its environment; its output goes to the log, or is in the result without one."""
    complete = {**os.environ, **settings}
    # scons or make may have started us: their flags and job server are not for this make.
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        complete.pop(name, None)
    if shutil.which("make") is None:
        raise BoardError("make is missing: apt install make")
    if log is None:
        return subprocess.run(command, env=complete, capture_output=True, text=True, errors="replace", check=False)
    with log.open("w") as file:
        return subprocess.run(command, env=complete, stdout=file, stderr=subprocess.STDOUT, text=True, check=False)


def _telling(output: str) -> str:
    """The lines that name an error, the first of which is the cause; the last lines where none does."""
    lines = output.strip().splitlines()
    errors = [line for line in lines if re.search(r"\b(error|fatal)\b|undefined reference", line, re.IGNORECASE)]
    return "\n".join(errors[:LAST_LINES] or lines[-LAST_LINES:])
