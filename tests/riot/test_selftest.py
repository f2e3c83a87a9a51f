"""apps/selftest under RIOT: built by its makefiles, run as a process and in QEMU, refused in clear words."""

import os
import shutil
import subprocess
import threading
from dataclasses import replace

import pytest

from msf_riot import boards
from msf_riot.build import build, emulation, environment, obstacle
from msf_riot.errors import BuildError, DoesNotFitError, RunError
from msf_riot.places import ROOT
from msf_riot.testbed.session import flash, run_selftest, session

pytestmark = [pytest.mark.riot, pytest.mark.cross]

APPLICATION = ROOT / "apps" / "selftest"
PACKAGES = ROOT / "tests" / "sim" / "packages"
TINY_VECTOR_BYTES = 4 * 8
TINY_RESULT_BYTES = 8
SAME_FAMILY = ("nrf52dk", "stm32f746g-disco", "hifive1", "nucleo-f767zi")
MEASURED = [
    pytest.param(name, marks=pytest.mark.long if name in SAME_FAMILY else ())
    for name in boards.names()
    if boards.load(name).overhead
]
RUNNABLE = ["native64", "microbit", pytest.param("hifive1", marks=pytest.mark.long), "hifive1b"]


def run(build, seconds=60):
    return run_selftest(build.application, {**build.environment, **emulation(build.board)}, seconds)


@pytest.mark.parametrize("name", RUNNABLE)
def test_the_selftest_matches(built, emulated, name):
    emulated(name)
    result = run(built(name))
    assert result.match and result.model == "tiny" and result.cases == 2
    assert result.arena_bytes == built(name).arena_bytes == 32
    assert result.microseconds is not None and result.instructions is None
    assert result.clock_hz == boards.load(name).clock_hz


@pytest.mark.parametrize("name", ["microbit", pytest.param("hifive1b", marks=pytest.mark.long)])
def test_nothing_that_an_emulated_board_says_is_lost(built, emulated, name):
    emulated(name)
    ready = built(name)
    with session(ready.application, {**ready.environment, **emulation(ready.board)}) as running:
        for _ in range(50):
            assert [answer["msf"] for answer in running.run("selftest", 20)] == ["case", "case", "result"]


def test_a_wrong_byte_is_reported_with_its_place(riot, tmp_path, emulated):
    emulated("microbit")
    wrong = build(boards.load("microbit"), APPLICATION, PACKAGES, tmp_path, jobs=2, extra={"CFLAGS": "-DTINY_WRONG"})
    result = run(wrong)
    assert not result.match
    assert (result.first_mismatch.case, result.first_mismatch.index, result.first_mismatch.expected) == (1, 5, -99)


@pytest.mark.parametrize(
    "name", ["microbit", *(pytest.param(name, marks=pytest.mark.long) for name in ("native64", "hifive1b"))]
)
def test_the_stack_of_an_inference_is_measured(built, tmp_path, emulated, name):
    emulated(name)
    little = run(built(name)).stack_bytes
    deep = build(boards.load(name), APPLICATION, PACKAGES, tmp_path, jobs=2, extra={"CFLAGS": "-DTINY_STACK=1216"})
    # 1200 bytes more; the frame of a trap may lie on top of what an empty thread needs, which is subtracted.
    assert 1000 <= run(deep).stack_bytes - little <= 1400


def test_an_inference_that_uses_up_its_stack_is_not_trusted(riot, tmp_path):
    small = replace(boards.load("native64"), stack_bytes=16384)
    deep = build(small, APPLICATION, PACKAGES, tmp_path, jobs=2, extra={"CFLAGS": "-DTINY_STACK=16384"})
    with pytest.raises(RunError):
        run(deep, seconds=5)


def test_a_write_outside_the_arena_is_found(riot, tmp_path):
    extra = {"CFLAGS": "-DTINY_FAULT=ARENA_OVERRUN"}
    with pytest.raises(RunError, match="outside the arena"):
        run(build(boards.load("native64"), APPLICATION, PACKAGES, tmp_path, jobs=2, extra=extra))


def test_a_package_that_changed_is_built_again(riot, tmp_path):
    packages = tmp_path / "packages"
    shutil.copytree(PACKAGES, packages)
    native = boards.load("native64")
    assert run(build(native, APPLICATION, packages, tmp_path / "build", jobs=2)).match
    vectors = packages / "msf_vectors" / "vectors.c"
    vectors.write_text(vectors.read_text().replace("#define CASE_1_BYTE_5 -40", "#define CASE_1_BYTE_5 -41"))
    assert not run(build(native, APPLICATION, packages, tmp_path / "build", jobs=2)).match


@pytest.mark.long
@pytest.mark.parametrize("name", ["nrf52840dk", pytest.param("nucleo-f767zi", marks=pytest.mark.long)])
def test_the_figures_of_a_build_are_those_of_the_size_tool(built, name):
    ready = built(name)
    said = subprocess.run(["arm-none-eabi-size", str(ready.elf)], capture_output=True, text=True, check=True).stdout
    assert (ready.text_bytes, ready.data_bytes, ready.bss_bytes) == tuple(map(int, said.splitlines()[1].split()[:3]))


@pytest.mark.parametrize("name", MEASURED)
def test_the_overhead_in_boards_yaml_is_that_of_a_build(built, name):
    ready = built(name)
    overhead = ready.board.overhead
    ram = ready.ram_bytes - ready.arena_bytes - TINY_RESULT_BYTES
    flash = ready.flash_bytes - ready.weights_bytes - TINY_VECTOR_BYTES
    assert overhead.ram_bytes == pytest.approx(ram, abs=256)
    assert overhead.flash_bytes == pytest.approx(flash, rel=0.05)


def test_what_overflows_the_board_is_told_in_bytes(riot, tmp_path):
    fat = replace(boards.load("microbit"), stack_bytes=20000)
    with pytest.raises(DoesNotFitError, match=r"\d{4,} bytes more than all of the board's 16384 bytes of RAM"):
        build(fat, APPLICATION, PACKAGES, tmp_path, jobs=2)


def test_a_compiler_error_names_the_log_and_shows_its_end(riot, tmp_path):
    with pytest.raises(BuildError) as error:
        build(boards.load("native64"), APPLICATION, PACKAGES, tmp_path, extra={"CFLAGS": "-DTINY_FAULT=NO_SUCH_FAULT"})
    assert str(tmp_path / "make-native64.log") in str(error.value) and "NO_SUCH_FAULT" in str(error.value)


def test_a_misspelt_package_is_named(riot, tmp_path):
    with pytest.raises(BuildError, match="no RIOT package 'msf_runtme'"):
        build(boards.load("native64"), APPLICATION, PACKAGES, tmp_path, extra={"USEPKG": "msf_runtme"})


@pytest.mark.parametrize(
    ("name", "compiler", "target"),
    [
        ("esp32-wroom-32", "xtensa-esp32-elf-gcc", "esp32"),
        ("esp32s3-devkit", "xtensa-esp32s3-elf-gcc", "esp32s3"),
        ("esp32c3-devkit", "riscv32-esp-elf-gcc", "esp32c3"),
    ],
)
def test_a_missing_esp32_toolchain_is_told_with_riots_own_installer(riot, monkeypatch, name, compiler, target):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if shutil.which(compiler):
        pytest.skip(f"{compiler} is installed in /usr/bin")
    reason = obstacle(boards.load(name))
    assert compiler in reason and f"install.sh {target}" in reason and "BUILD_IN_DOCKER=1" in reason
    assert "\n" not in reason
    installer = next(word for word in reason.split() if word.endswith("install.sh"))
    assert os.access(installer, os.X_OK)


def test_docker_needs_no_toolchain_here(riot, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("BUILD_IN_DOCKER", "1")
    assert obstacle(boards.load("esp32-wroom-32")) is None


@pytest.mark.parametrize(
    "name", ["microbit", *(pytest.param(n, marks=pytest.mark.long) for n in ("hifive1", "hifive1b"))]
)
def test_an_emulated_board_never_reaches_for_a_real_one(riot, tmp_path, emulated, name):
    emulated(name)
    board = boards.load(name)
    settings = {**os.environ, **environment(board, PACKAGES, tmp_path), **emulation(board)}
    command = ["make", "--no-print-directory", "-n", "-C", str(APPLICATION), "flash-only", "reset"]
    said = subprocess.run(command, env=settings, capture_output=True, text=True, check=True).stdout
    assert [line for line in said.splitlines() if not line.startswith(("command -v", "{", " "))] == ["true", "true"]


def test_a_board_that_is_not_plugged_in_is_told_in_one_line(built, tmp_path, monkeypatch):
    monkeypatch.delenv("EMULATE", raising=False)
    ready = built("nrf52840dk")
    settings = {**ready.environment, "PORT": str(tmp_path / "no-such-port"), "DEBUG_ADAPTER_ID": "no-such-board"}
    with pytest.raises(RunError) as flashing:
        flash(ready.application, settings, tmp_path / "flash.log")
    with pytest.raises(RunError) as running:
        run_selftest(ready.application, settings, 6)
    for error in (flashing, running):
        assert "nrf52840dk" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.long
def test_two_boards_of_one_family_build_at_once_in_a_fresh_checkout(riot, tmp_path, monkeypatch):
    """RIOT's downloads of vendor headers would race."""
    monkeypatch.setenv("BUILD_DIR", str(tmp_path / "riot-build"))
    failures = []

    def build_one(name):
        try:
            build(boards.load(name), APPLICATION, PACKAGES, tmp_path / name)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=build_one, args=(name,)) for name in ("nrf52dk", "nrf52840dk")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
