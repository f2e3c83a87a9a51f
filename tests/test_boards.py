"""boards.yaml and the user's own boards, where RIOT is found and how it is cloned, what is refused before compiling."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from msf_riot import boards, riot
from msf_riot.boards import Overhead
from msf_riot.build import (
    arena_bytes,
    build,
    check_fits,
    emulation,
    model_sizes,
    obstacle,
    section_sizes,
    weights_bytes,
)
from msf_riot.errors import BoardError, DoesNotFitError
from msf_riot.places import ROOT

PROMISED = (
    *("host", "sim-m0", "sim-m4", "sim-m7", "sim-rv32", "sim-xtensa"),
    *("native64", "microbit", "nrf52dk", "nrf52840dk", "nucleo-f767zi", "stm32f746g-disco", "nucleo-f412zg"),
    *("hifive1", "hifive1b", "esp32-wroom-32", "esp32s3-devkit", "esp32c3-devkit"),
)

APPLICATION = ROOT / "apps" / "selftest"
PACKAGES = ROOT / "tests" / "sim" / "packages"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("RIOTBASE", raising=False)
    return tmp_path / "cache" / "msf-riot"


@pytest.fixture
def own_boards(tmp_path, monkeypatch):
    def write(text):
        file = tmp_path / "own.yaml"
        file.write_text(text)
        monkeypatch.setenv("MSF_BOARDS", str(file))

    yield write
    boards._entries.cache_clear()


def one_line(error):
    message = str(error.value)
    assert message and "\n" not in message
    return message


@pytest.mark.parametrize("name", PROMISED)
def test_every_promised_board_loads(name):
    board = boards.load(name)
    assert board.name == name
    assert (board.ram_bytes is None) == (board.isa == "native")
    assert (board.machine is not None) == (board.kind == "riot" and board.emulator is not None)


def test_an_unknown_board_lists_the_near_ones():
    with pytest.raises(BoardError) as error:
        boards.load("nrf52840")
    assert "nrf52840dk" in one_line(error) and "hifive1" not in str(error.value)


def test_a_name_like_none_lists_all_boards():
    with pytest.raises(BoardError) as error:
        boards.load("zzz")
    assert all(name in one_line(error) for name in PROMISED)


OWN = """
boards:
  my-node:
    kind: riot
    core: cortex-m4f
    isa: armv7e-m
    clock_hz: 64000000
    ram_bytes: 131072
    flash_bytes: 524288
    fpu: true
    dsp: true
    toolchain: {toolchain}
    stack_bytes: 2048
    flashing: by hand
"""


def test_a_users_file_adds_boards_to_the_shipped_ones(own_boards):
    own_boards(OWN.format(toolchain="arm-none-eabi"))
    assert boards.names() == (*PROMISED, "my-node")
    assert boards.load("my-node").toolchain == boards.load("nrf52dk").toolchain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("boards: [", "is not YAML"),
        ("boards: {my-node: {kind: riot}}", "boards.my-node: 'core' is a required property"),
        (OWN.format(toolchain="arm-none-eabi").replace("131072", "-1"), "boards.my-node.ram_bytes"),
        (OWN.format(toolchain="arm-none-eabi").replace("by hand", "by hand\n    color: red"), "'color'"),
        ("", "is not of type 'object'"),
    ],
)
def test_a_broken_file_of_boards_is_refused_in_one_line(own_boards, text, said):
    own_boards(text)
    with pytest.raises(BoardError) as error:
        boards.names()
    assert said in one_line(error)


def test_a_board_with_an_unknown_toolchain_is_refused(own_boards):
    own_boards(OWN.format(toolchain="forth"))
    with pytest.raises(BoardError) as error:
        boards.load("my-node")
    assert "forth" in one_line(error)


def test_an_absent_file_of_boards_is_named(monkeypatch):
    monkeypatch.setenv("MSF_BOARDS", "/nowhere/boards.yaml")
    with pytest.raises(BoardError, match=r"/nowhere/boards\.yaml"):
        boards.names()


def test_a_missing_compiler_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "apt install gcc-arm-none-eabi" in str(obstacle(boards.load("sim-m4")))
    assert "apt install gcc" in str(obstacle(boards.load("host")))


def test_emulate_is_refused_for_a_board_that_no_emulator_runs(monkeypatch):
    monkeypatch.setenv("EMULATE", "1")
    with pytest.raises(BoardError) as error:
        emulation(boards.load("nrf52dk"))
    assert "nrf52dk" in one_line(error)


def test_no_riot_names_the_command_that_clones_it(cache):
    with pytest.raises(BoardError) as error:
        riot.find_riot()
    assert "msf-riot riot" in one_line(error) and "RIOTBASE" in one_line(error)
    assert "msf-riot riot" in str(obstacle(boards.load("microbit")))


def test_a_riotbase_that_is_not_riot_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("RIOTBASE", str(tmp_path))
    with pytest.raises(BoardError) as error:
        riot.find_riot()
    assert "RIOTBASE" in one_line(error)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A git repository that git takes for the one at RIOT's URL, with the pinned tag."""
    repository = tmp_path / "published"

    def git(*arguments):
        subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True)

    def publish(version):
        (repository / "core").mkdir(parents=True)
        (repository / "Makefile.include").write_text("")
        (repository / "core" / "thread.c").write_text("")
        (repository / "VERSION").write_text(f"RIOT_VERSION = {version}\n")
        git("init", "--quiet")
        git("add", ".")
        git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "release")
        git("tag", riot.RELEASE)

    settings = {f"url.file://{repository}.insteadOf": riot.URL}
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    for index, (key, value) in enumerate(settings.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{index}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{index}", value)
    return publish


def test_riot_is_cloned_into_the_cache_and_found_there(cache, published):
    published(riot.RELEASE)
    checkout = riot.clone_riot()
    assert checkout == cache / f"RIOT-{riot.RELEASE}" == riot.find_riot()
    assert riot.riot_version(checkout) == riot.RELEASE
    assert [entry.name for entry in cache.iterdir()] == [checkout.name]


def test_a_clone_that_is_there_is_kept(cache, published):
    published(riot.RELEASE)
    (riot.clone_riot() / "mine").write_text("kept")
    assert (riot.clone_riot() / "mine").read_text() == "kept"


def test_a_clone_of_another_version_never_takes_the_place_of_riot(cache, published):
    published("2019.01")
    with pytest.raises(BoardError, match=riot.RELEASE):
        riot.clone_riot()
    assert list(cache.iterdir()) == []


def test_a_failed_clone_leaves_nothing_behind(cache, published):
    with pytest.raises(BoardError, match="could not clone"):
        riot.clone_riot()
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, published):
    published(riot.RELEASE)
    monkeypatch.delenv("RIOTBASE", raising=False)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BoardError) as error:
        riot.clone_riot()
    assert str(tmp_path / "file") in one_line(error)


BOARD = replace(boards.load("microbit"), ram_bytes=16000, flash_bytes=100000, overhead=Overhead(4000, 20000))


def test_a_model_that_fills_the_board_to_the_last_byte_fits():
    check_fits(BOARD, ram_bytes=12000, flash_bytes=80000)
    check_fits(boards.load("host"), ram_bytes=1 << 40, flash_bytes=1 << 40)


@pytest.mark.parametrize(
    ("ram", "flash", "numbers"), [(12001, 0, ("12001", "16000", "12000")), (0, 80001, ("80001", "100000", "80000"))]
)
def test_one_byte_too_many_is_refused_with_both_numbers(ram, flash, numbers):
    with pytest.raises(DoesNotFitError) as error:
        check_fits(BOARD, ram_bytes=ram, flash_bytes=flash)
    assert all(number in one_line(error) for number in numbers)


def test_sizes_are_those_of_the_size_tool(tmp_path):
    (tmp_path / "weights.c").write_text(
        "const signed char msf_model_m_weights[1000] = {1}; const int msf_model_m_unused[9] = {1};"
    )
    (tmp_path / "main.c").write_text(
        "extern const signed char msf_model_m_weights[]; static int initial = 3; char msf_model_m_arena[4096];"
        "int main(int n, char **v) { (void)v; return msf_model_m_weights[n] + msf_model_m_arena[n] + initial++; }"
    )
    (tmp_path / "msf_model_m").mkdir()
    flags = ["-O1", "-ffunction-sections", "-fdata-sections", "-c"]
    subprocess.run(["cc", *flags, "weights.c", "-o", "msf_model_m/weights.o"], cwd=tmp_path, check=True)
    subprocess.run(["cc", *flags, "main.c", "-o", "main.o"], cwd=tmp_path, check=True)
    command = ["cc", "-Wl,--gc-sections", "main.o", "msf_model_m/weights.o", "-o", "m.elf"]
    subprocess.run(command, cwd=tmp_path, check=True)
    elf = tmp_path / "m.elf"
    said = subprocess.run(["size", str(elf)], capture_output=True, text=True, check=True).stdout.splitlines()[1]
    assert section_sizes(elf) == tuple(int(word) for word in said.split()[:3])
    assert arena_bytes(elf) == 4096
    assert weights_bytes(elf) == 1000


def test_code_and_constants_are_those_of_model_and_kernels_that_the_linker_kept(tmp_path):
    sources = {
        "msf_model_m/weights.c": "const signed char msf_model_m_weights[1000] = {1};"
        "const int msf_model_m_unused[9] = {1};",
        "msf_model_m/stage.c": "int a_kernel(int); static const int op[5] = {1, 2};"
        "int stage(int n) { return a_kernel(op[n]); }"
        "int not_called(int n) { return stage(n) * op[n]; }",
        "msf_runtime/kernel.c": "extern const signed char msf_model_m_weights[];"
        "int a_kernel(int n) { return msf_model_m_weights[n]; } int other_kernel(int n) { return n * 3; }",
        "application/main.c": "int stage(int); static const int own[50] = {1};"
        "int main(int n, char **v) { (void)v; return stage(n) + own[n]; }",
    }
    objects = []
    for name, text in sources.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        objects.append(path.with_suffix(".o"))
        flags = ["-O1", "-fno-inline", "-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables"]
        subprocess.run(["cc", *flags, "-c", path, "-o", objects[-1]], check=True)
    elf = tmp_path / "m.elf"
    subprocess.run(["cc", "-Wl,--gc-sections", f"-Wl,-Map={elf.with_suffix('.map')}", *objects, "-o", elf], check=True)
    said = subprocess.run(["nm", "-S", elf], capture_output=True, text=True, check=True).stdout
    sizes = {line.split()[3]: int(line.split()[1], 16) for line in said.splitlines() if len(line.split()) == 4}
    assert "not_called" not in sizes and "other_kernel" not in sizes
    assert model_sizes(elf) == (sizes["stage"] + sizes["a_kernel"], 1000 + 5 * 4)


def modified(directory: Path):
    return {file: file.stat().st_mtime_ns for file in directory.rglob("*.o")}


def test_nothing_is_built_again_without_a_cause_and_all_when_the_optimization_changes(tmp_path):
    host = boards.load("host")
    first = build(host, APPLICATION, PACKAGES, tmp_path)
    before = modified(tmp_path)
    assert before and first.arena_bytes == 32
    assert build(host, APPLICATION, PACKAGES, tmp_path) == first
    assert modified(tmp_path) == before
    build(host, APPLICATION, PACKAGES, tmp_path, optimize="size")
    after = modified(tmp_path)
    assert after.keys() == before.keys() and all(after[file] != before[file] for file in after)
