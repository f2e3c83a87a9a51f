"""The makefile that gives models to any RIOT application, in a folder outside the checkout, with the tool installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from msf_riot import boards, build, planner, reference, zoo
from msf_riot.source import ModelSource

pytestmark = [pytest.mark.riot]

EXAMPLE = Path(__file__).parent / "example"


def model(folder: Path, name: str) -> None:
    """The example's model is this one of the zoo."""
    shutil.copy(zoo.resolve(f"zoo:{name}"), folder / "net.onnx")


@pytest.fixture
def application(tmp_path: Path) -> Path:
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLE, folder)
    model(folder, "tiny-residual")
    return folder


class Make:
    """make in the folder of an application."""

    def __init__(self, installed, riot: Path, folder: Path) -> None:
        self.installed, self.riot, self.folder = installed, riot, folder

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        settings = {"RIOTBASE": str(self.riot), "WERROR": "1", **settings}
        return self.installed.run("make", *arguments, cwd=self.folder, **settings)

    def succeeds(self, *arguments: str, **settings: str) -> str:
        result = self(*arguments, **settings)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def fails(self, *arguments: str, **settings: str) -> str:
        """What it says on standard error; nothing was compiled."""
        result = self(*arguments, **settings)
        assert result.returncode == 2, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        assert not list(self.folder.glob("bin/*/application_*/main.o"))
        return result.stderr


@pytest.fixture
def make(installed, riot: Path, application: Path) -> Make:
    return Make(installed, riot, application)


def expected(folder: Path) -> list[int]:
    """What the reference makes of the example's input."""
    graph = ModelSource(str(folder / "net.onnx")).graph()
    shape = graph.input_shape
    ramp = (np.arange(int(np.prod(shape))) % 256 - 128).astype(np.int8).reshape(shape)
    return [int(value) for value in reference.execute(graph, ramp).ravel()]


def answer(text: str) -> list[int]:
    (found,) = re.findall(r"\{\"output\": .*\}", text)
    output: list[int] = json.loads(found)["output"]
    return output


def run_native(folder: Path) -> list[int]:
    process = subprocess.Popen(
        [str(folder / "bin" / "native64" / "msf_example.elf")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    return _read(process)


def _read(process: subprocess.Popen[str]) -> list[int]:
    """RIOT never ends by itself."""
    assert process.stdout is not None
    try:
        return answer(next(line for line in process.stdout if '"output"' in line))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def objects(folder: Path) -> dict[str, int]:
    """The model's and the application's objects, and when each was made."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.glob("bin/native64/**/*.o"))}


def test_it_runs_and_is_built_again_only_where_the_model_changes(make: Make) -> None:
    make.succeeds("-j2")
    assert run_native(make.folder) == expected(make.folder)
    elf = make.folder / "bin" / "native64" / "msf_example.elf"
    first = objects(make.folder)
    packages = {path: path.stat().st_mtime_ns for path in make.folder.rglob("bin/msf_models/**/*.[ch]")}
    make.succeeds("-j2")
    assert objects(make.folder) == first and packages == {path: path.stat().st_mtime_ns for path in packages}

    model(make.folder, "tiny-vww")
    make.succeeds("-j2")
    assert run_native(make.folder) == expected(make.folder)
    second = objects(make.folder)
    runtime = {name: when for name, when in first.items() if "msf_runtime" in name}
    assert runtime and runtime.items() <= second.items()
    assert all(second[name] != when for name, when in first.items() if "msf_model_net/stage" in name and name in second)

    make.succeeds("clean")
    assert not elf.exists()
    make.succeeds("clean", "all", "-j2")
    assert elf.exists()
    make.succeeds("distclean")
    assert not (make.folder / "bin").exists()


@pytest.mark.long
def test_what_is_damaged_is_made_again(make: Make) -> None:
    make.succeeds("info-debug-variable-USEPKG")
    weights = make.folder / "bin/msf_models/native64/packages/msf_model_net/weights.c"
    right = weights.read_text()
    weights.write_text("broken")
    make.succeeds("info-debug-variable-USEPKG")
    assert weights.read_text() == right
    (make.folder / "bin/msf_models/native64/made.json").write_text("{")
    weights.unlink()
    make.succeeds("info-debug-variable-USEPKG")
    assert weights.read_text() == right


@pytest.mark.long
def test_riots_own_targets_know_the_model(make: Make) -> None:
    assert "msf_model_net" in make.succeeds("info-debug-variable-USEPKG").split()
    assert "msf_model_net" in make.succeeds("info-packages").split()
    assert make.succeeds("info-boards-supported").count("nrf52840dk") == 1
    assert "msf_model_net" in make.succeeds("info-build-json")
    make.succeeds("-j2")
    make.succeeds("compile-commands")
    entries = json.loads((make.folder / "compile_commands.json").read_text())
    (main,) = (entry for entry in entries if entry["file"].endswith("main.c"))
    assert "packages/msf_model_net" in json.dumps(main)
    # In place of the tool that RIOT would download, which is given the ELF and its map
    shown = make.succeeds("cosy", f"COSY_TOOL={shutil.which('echo')}").splitlines()[-1].split()
    assert all(Path(name).is_file() for name in shown[-2:])


def package(make: Make, board: str = "native64", name: str = "net") -> str:
    return (make.folder / f"bin/msf_models/{board}/packages/msf_model_{name}/msf_model_{name}.h").read_text()


def code(make: Make, board: str) -> str:
    stages = (make.folder / f"bin/msf_models/{board}/packages/msf_model_net").glob("stage_*.c")
    return "".join(path.read_text() for path in stages)


def arena(header: str) -> int:
    (found,) = re.findall(r"#define \w+_ARENA_BYTES \((\d+)u\)", header)
    return int(found)


@pytest.mark.long
def test_options_beside_the_model(make: Make, installed, tmp_path: Path) -> None:
    update = "info-debug-variable-USEPKG"
    make.succeeds(update)
    default = arena(package(make))
    make.succeeds(update, MSF_RAM_net="700")
    assert arena(package(make)) <= 700 < default
    make.succeeds(update, MSF_INPUT_net="windows")
    assert "pieces of rows" in package(make)
    plan = tmp_path / "plan.json"
    command = ("msf-riot", "plan", "net.onnx", "--max-overhead", "inf", "-o", plan)
    assert installed.run(*command, cwd=make.folder).returncode == 0
    make.succeeds(update, MSF_PLAN_net=str(plan))
    assert arena(package(make)) == json.loads(plan.read_text())["peak_ram"]
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join("abcd"))
    make.succeeds(update, MSF_LABELS_net=str(labels))
    assert "labels" in package(make)
    make.succeeds(update, MSF_NAME_net="other")
    assert arena(package(make, name="other")) == default
    assert not (make.folder / "bin/msf_models/native64/packages/msf_model_net").exists()
    make.succeeds(update, BOARD="nrf52840dk")
    assert "_dsp(" in code(make, "nrf52840dk")
    make.succeeds(update, BOARD="nrf52840dk", MSF_KERNELS_net="portable")
    assert "_dsp(" not in code(make, "nrf52840dk")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"BOARD": "microbit", "MSF_MODELS": "zoo:resnet8 zoo:mobilenetv1-0.25-96"},
            "bytes of RAM, and of the board's 16384",
        ),
        ({"BOARD": "microbit", "MSF_MODELS": "zoo:autoencoder"}, "bytes of flash, and of the board's 262144"),
        ({"MSF_MODELS": "absent.onnx"}, "absent.onnx: no such file"),
        ({"MSF_MODELS": "zoo:nothing"}, "the zoo has no network 'nothing'"),
        ({"MSF_PLAN_net": "absent.json"}, "MSF_PLAN_net = absent.json: no such file"),
        ({"MSF_RAM_net": "much"}, "MSF_RAM_net: 'much' is no size"),
        ({"MSF_RAM_net": "10"}, "MSF_RAM_net = 10: net needs"),
        ({"MSF_INPUT_net": "slowly"}, "MSF_INPUT_net is none of whole, rows, windows"),
        ({"MSF_KERNELS_net": "fast"}, "MSF_KERNELS_net is none of"),
        ({"MSF_KERNELS_net": "dsp", "BOARD": "microbit"}, "BOARD=microbit"),
        ({"MSF_NAME_net": "Net"}, "'Net' is no name for a model"),
        ({"MSF_LABELS_net": "absent.txt"}, "MSF_LABELS_net = absent.txt: no such file"),
        ({"MSF_KEEP_CONSTANT_CHANNELS_net": "yes"}, "is neither 0 nor 1"),
        ({"MSF_MEAN_net": "1", "MSF_DEVIATION_net": "1"}, "MSF_MEAN_net needs MSF_INPUT_PIXELS_net uint8"),
        ({"MSF_MODELS": "$$(touch_x)'\";.onnx"}, "no such file"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_compiled(make: Make, settings: dict[str, str], said: str) -> None:
    stderr = make.fails("-j2", **settings)
    (line,) = (line for line in stderr.splitlines() if line.startswith("msf-riot: error: "))
    assert said in line


def test_models_that_collide_are_refused_by_name(make: Make) -> None:
    shutil.copy(make.folder / "net.onnx", make.folder / "Net.onnx")
    stderr = make.fails(MSF_MODELS="Net.onnx")
    assert "Net.onnx and net.onnx would have the same names in C" in stderr and "MSF_NAME_net" in stderr
    make.succeeds("info-debug-variable-USEPKG", MSF_MODELS="Net.onnx", MSF_NAME_net="second")


def test_two_models_and_a_board_that_only_riot_knows(make: Make) -> None:
    result = make("info-debug-variable-USEPKG", BOARD="samr21-xpro", MSF_MODELS="zoo:tiny-1d")
    assert result.returncode == 0
    assert {"msf_model_net", "msf_model_tiny_1d"} <= set(result.stdout.split())
    assert "BOARD=samr21-xpro is in no boards.yaml" in result.stderr


def test_an_application_in_a_folder_with_a_space(installed, riot: Path, application: Path, tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    shutil.copytree(application, folder)
    stderr = Make(installed, riot, folder).fails()
    assert "the application is in a folder that make cannot work with" in stderr and "two words" in stderr


@pytest.mark.long
def test_models_that_do_not_fit_together_get_leaner_plans(make: Make) -> None:
    """Two networks whose default plans together are too large for a micro:bit, and not so their leaner ones."""
    shutil.copy(zoo.resolve("zoo:tiny-vww"), make.folder / "net.onnx")
    board = boards.load("microbit")
    left = board.ram_left()
    make.succeeds("info-debug-variable-USEPKG", BOARD="microbit", MSF_MODELS="zoo:resnet8")
    arenas = [arena(path.read_text()) for path in make.folder.glob("bin/msf_models/microbit/packages/*/msf_model_*.h")]
    assert left is not None and len(arenas) == 2 and sum(arenas) <= left
    alone = planner.choose_plan(ModelSource("zoo:resnet8").graph()).peak_ram
    assert sum(arenas) < alone + min(arenas)


DOCKER = """#!/usr/bin/env python3
# Stands for `docker run`: the mounted folders become links in a folder of its own, the command runs there, with an
# environment that has no msf-riot.
import os, subprocess, sys
arguments = sys.argv[1:]
root, environment = os.environ["FAKE_ROOT"], {"PATH": os.environ["FAKE_PATH"], "HOME": os.environ["HOME"]}
command, folder, mounts = [], None, []
index = 1
while index < len(arguments):
    word = arguments[index]
    if word == "-v":
        mounts.append(arguments[index + 1].split(":")[:2])
    elif word == "-e":
        name, _, value = arguments[index + 1].partition("=")
        environment[name] = value or os.environ.get(name, "")
    elif word == "-w":
        folder = arguments[index + 1]
        command = arguments[index + 3 :]
        break
    else:
        index += 1
        continue
    index += 2
inside = lambda text: text.replace("/data/riotbuild", root)
for host, container in mounts:
    place = inside(container)
    if place.startswith(root) and not os.path.lexists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.symlink(host, place)
environment = {name: inside(value) for name, value in environment.items()}
sys.exit(subprocess.call([inside(word) for word in command], cwd=inside(folder), env=environment))
"""


def test_riots_build_container_compiles_what_was_made_outside(make: Make, tmp_path: Path) -> None:
    """No docker here: a script stands for `docker run` that honours its mounts, its environment and its command."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    tools = {
        "PATH": f"{docker.parent}:{make.installed.bin}:{os.environ['PATH']}",
        "FAKE_PATH": ":".join(p for p in os.environ["PATH"].split(":") if not (Path(p) / "msf-riot").exists()),
        "FAKE_ROOT": str(tmp_path / "container"),
        "DOCKER": str(docker),
        "BUILD_IN_DOCKER": "1",
    }
    make.succeeds("all", **tools)
    assert run_native(make.folder) == expected(make.folder)
    assert (tmp_path / "container" / "msf_riot_pkg" / "models.mk").is_file()


@pytest.mark.cross
@pytest.mark.parametrize("name", ["microbit", pytest.param("hifive1b", marks=pytest.mark.long)])
def test_it_runs_in_qemu_under_riot(make: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    board = boards.load(name)
    emulator = board.emulator
    if board.toolchain.find() is None or emulator is None or shutil.which(emulator.executables[0]) is None:
        pytest.skip(f"{name}: its compiler or its QEMU is not installed")
    monkeypatch.setenv("EMULATE", "1")
    settings = {"BOARD": name, **build.without_newlib(board)}
    make.succeeds("-j2", **settings)
    terminal = subprocess.Popen(
        ["make", "--no-print-directory", "cleanterm"],
        cwd=make.folder,
        env=make.installed.environment(RIOTBASE=str(make.riot), **settings, **build.emulation(board), EMULATE="0"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert terminal.stdout is not None
    try:
        line = next(line for line in terminal.stdout if '"output"' in line)
    finally:
        os.killpg(terminal.pid, signal.SIGKILL)
        terminal.wait()
    assert answer(line) == expected(make.folder)


@pytest.mark.cross
@pytest.mark.long
def test_it_builds_for_a_board_with_the_fast_kernels(make: Make) -> None:
    if boards.load("nrf52840dk").toolchain.find() is None:
        pytest.skip("nrf52840dk: its compiler is not installed")
    model(make.folder, "ds-cnn")
    make.succeeds("-j2", BOARD="nrf52840dk")
    sizes = build.section_sizes(make.folder / "bin" / "nrf52840dk" / "msf_example.elf")
    assert sizes[0] > 0
    symbols = build.objects(make.folder / "bin" / "nrf52840dk" / "msf_example.elf")
    assert "msf_model_net_arena" in symbols


@pytest.mark.long
def test_kconfig_says_the_kernels_of_all_models(make: Make) -> None:
    update = "info-debug-variable-USEPKG"
    (make.folder / "app.config").write_text("CONFIG_MSF_KERNELS_PORTABLE=y\n")
    result = make(update, BOARD="nrf52840dk")
    if "could not resolve host" in result.stderr.lower():
        pytest.skip("RIOT cannot download its Kconfiglib here")
    assert "_dsp(" not in code(make, "nrf52840dk")
    (make.folder / "app.config").unlink()
    make.succeeds(update, BOARD="nrf52840dk")
    assert "_dsp(" in code(make, "nrf52840dk")
