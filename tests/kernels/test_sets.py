"""Sets of kernels: what is found, what a board runs, the numbers that C has too, and a set that is added."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from msf_riot import boards, build, kernels, planner, reference, scheduler, verify
from msf_riot.errors import PlanError
from msf_riot.kernels.dsp.constants import MOST_ROWS
from msf_riot.kernels.dsp.cost import GROUP_PIXELS
from msf_riot.kernels.dsp.requantization import DEPTHWISE_SHIFT, DEPTHWISE_SHIFT_TWICE
from msf_riot.kernels.portable import BLOCK, LARGEST_SHIFT, ROUNDINGS
from msf_riot.places import CODE, ROOT
from msf_riot.source import ModelSource

TOY = Path(__file__).parent / "toy"
RUNTIME = ROOT / "riot_pkg" / "msf_runtime"


def test_the_sets_that_come_with_the_tool() -> None:
    assert kernels.names() == ("portable", "dsp")
    assert kernels.best(()) == "portable"
    assert kernels.best(("dsp", "something")) == "dsp"
    assert boards.load("nrf52840dk").kernels == "dsp" and boards.load("microbit").kernels == "portable"


def test_an_old_file_of_boards_still_says_dsp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = re.search(r"^  sim-m0:\n(?:    .*\n)+", (ROOT / "boards.yaml").read_text(), re.MULTILINE)
    assert entry is not None
    own = tmp_path / "boards.yaml"
    own.write_text("boards:\n" + entry[0].replace("sim-m0", "old") + "    dsp: true\n")
    monkeypatch.setenv("MSF_BOARDS", str(own))
    assert boards.load("old").extensions == ("dsp",) and boards.load("old").kernels == "dsp"


def in_c(pattern: str, file: str) -> int:
    """The one number in a source file of the runtime that a pattern finds."""
    (found,) = re.findall(pattern, (RUNTIME / file).read_text(), re.MULTILINE)
    return int(found, 0)


def test_numbers_that_python_and_c_share() -> None:
    dsp = "include/msf/kernels_dsp.h"
    assert in_c(r"#define MSF_CONV2D_DSP_ROWS \((\d+)\)", dsp) == MOST_ROWS
    assert in_c(r"\.equ COMMON_SHIFT, (\d+)", "dsp/depthwise_columns_dsp.S") == DEPTHWISE_SHIFT
    assert in_c(r"\.equ COMMON_SHIFT_TWICE, (\d+)", "dsp/depthwise_columns_dsp.S") == DEPTHWISE_SHIFT_TWICE
    assert in_c(r"whether all channels have the shift of their body: (\d+)", dsp) == DEPTHWISE_SHIFT
    assert in_c(r"the shift of their body: \d+, rounded twice (\d+)", dsp) == DEPTHWISE_SHIFT_TWICE
    for rounding in ("twice", "even", "odd"):
        assert in_c(rf"#define MSF_ROUNDS_{rounding.upper()} (0x\w+)u", "portable/scale.h") == ROUNDINGS[rounding]
    assert in_c(r"pixels packed and computed together, at most: 1 to (\d+)", dsp) == GROUP_PIXELS
    assert in_c(r"shift in \[1, (\d+)\]\.", "include/msf/kernels.h") == LARGEST_SHIFT
    assert in_c(r"#define MSF_BLOCK \((\d+)\)", "portable/tile.h") == BLOCK


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The toy set is found as if it were in the folder of the others."""
    monkeypatch.setattr(kernels, "__path__", [*kernels.__path__, str(TOY)])
    kernels.load.cache_clear()
    yield "toy"
    kernels.load.cache_clear()


def test_a_set_that_is_added_is_planned_generated_and_runs(toy: str, tmp_path: Path) -> None:
    assert kernels.names() == ("portable", "dsp", "toy")
    assert kernels.best(("toy",)) == toy
    graph = ModelSource("zoo:tiny-residual").graph()
    plan = planner.choose_plan(graph, kernels=toy)
    schedule = scheduler.schedule(graph, plan)
    with pytest.raises(PlanError, match="toy extension"):
        verify.check_kernels(plan.kernels, boards.load("host"))
    inputs = verify.default_inputs(graph)
    outputs = verify.generate(schedule, inputs, tmp_path / "packages")
    assert (outputs[0] == reference.execute(graph, inputs[0])).all()
    code = "".join(path.read_text() for path in (tmp_path / "packages").rglob("stage_*.c"))
    assert code.count("msf_toy_add(&") == 2 and "_dsp" not in code
    (tmp_path / "packages" / "msf_toy").symlink_to(TOY / "msf_toy")
    built = build.build(boards.load("host"), verify.SELFTEST, tmp_path / "packages", tmp_path / "build", jobs=2)
    assert built.arena_bytes == plan.peak_ram
    assert verify.selftest(built).match


def test_nothing_but_the_sets_knows_their_names() -> None:
    """Stage, planner, codegen and all else ask the set; only its own files, boards and documents name one."""
    files = [path for path in CODE.rglob("*") if path.suffix in (".py", ".j2") and "kernels" not in path.parts]
    assert len(files) > 50
    for path in files:
        name, text = path.relative_to(CODE).as_posix(), path.read_text()
        named = re.findall(r"[\"'](?:dsp|portable)[\"']|\bkernels\.(?:dsp|portable)\b|_dsp\b", text)
        assert not named or name == "boards.py", (name, named)
