"""What a generated header tells an application: real numbers to int8 and back, labels, the plan, what it takes."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from msf_riot import importer, ir, planner, scheduler, zoo
from msf_riot.agreement import from_int8, to_int8
from msf_riot.codegen import generate_package
from msf_riot.planner import Plan
from msf_riot.scheduler import Schedule
from tests.execution.harness import RUNTIME, WARNINGS

PROGRAM = """
#include <stdio.h>
#include "msf_model_m.h"
int main(void)
{
    float real;
    while (fread(&real, sizeof real, 1, stdin) == 1) {
        const int8_t q = MSF_MODEL_M_INPUT_QUANTIZE(real);
        const float back = MSF_MODEL_M_OUTPUT_DEQUANTIZE(q);
        fwrite(&q, sizeof q, 1, stdout);
        fwrite(&back, sizeof back, 1, stdout);
    }
    return 0;
}
"""


def graph_called_m(**changes: object) -> ir.Graph:
    graph = importer.import_model(zoo.resolve("zoo:tiny-vww"))
    return dataclasses.replace(graph, name="m", **changes)  # type: ignore[arg-type]


def schedule_of(graph: ir.Graph, plan: Plan | None = None) -> Schedule:
    return scheduler.schedule(graph, plan or planner.named_plan(graph, None, "portable"))


def compile_and_run(folder: Path, package: Path, main: str, data: bytes = b"", *more: Path) -> bytes:
    (folder / "main.c").write_text(main)
    command = ["gcc", *WARNINGS, f"-I{RUNTIME}/include", f"-I{package}", "main.c", *map(str, more), "-o", "program"]
    compiled = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr
    return subprocess.run([folder / "program"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("scale, zero_point", [(0.0078125, 0), (0.1, -128), (1 / 255, 127), (3.5e-6, 5), (2000.0, -7)])
def test_the_macros_quantize_and_dequantize_as_onnx_does(tmp_path: Path, scale: float, zero_point: int) -> None:
    graph = graph_called_m()
    quantization = ir.Quantization(float(np.float32(scale)), zero_point)
    tensors = {n: dataclasses.replace(t, quantization=quantization) for n, t in graph.tensors.items()}
    package = generate_package(schedule_of(dataclasses.replace(graph, tensors=tensors)), tmp_path)
    steps = np.concatenate([np.arange(-600, 600) / 4, [0, -0.0, 1e9, -1e9, np.inf, -np.inf]])
    reals = (steps * scale).astype(np.float32)
    said = np.frombuffer(compile_and_run(tmp_path, package, PROGRAM, reals.tobytes()), "i1, <f4")
    interface = ir.Interface("x", (len(reals),), "float32", (0, 1, 2))
    line = ir.Tensor("x", 1, 1, len(reals), quantization, interface)
    with np.errstate(over="ignore"):
        assert np.array_equal(said["f0"], to_int8(reals, line).ravel())
    assert np.array_equal(said["f1"], from_int8(said["f0"].reshape(1, 1, -1), line).ravel())


def test_labels_stand_in_the_header_and_in_flash(tmp_path: Path) -> None:
    labels = ('say "no"', "Größe\\*/??/")
    package = generate_package(schedule_of(graph_called_m(labels=labels)), tmp_path)
    main = '#include <stdio.h>\n#include "msf_model_m.h"\nint main(void)\n{\n'
    main += "".join(f"    puts(msf_model_m_labels[{n}]);\n" for n in range(2)) + "    return 0;\n}\n"
    said = compile_and_run(tmp_path, package, main, b"", package / "labels.c").decode()
    assert said.splitlines() == list(labels)
    assert "labels" not in (generate_package(schedule_of(graph_called_m()), tmp_path) / "msf_model_m.h").read_text()
    assert not (package / "labels.c").exists()


def test_the_header_tells_the_plan_stage_by_stage(tmp_path: Path) -> None:
    graph = graph_called_m()
    schedule = schedule_of(graph, planner.choose_plan(graph, "windows", max_overhead=float("inf")))
    header = (generate_package(schedule, tmp_path) / "msf_model_m.h").read_text()
    rows = re.findall(r"^ \* \| (\d.*) \|$", header, re.MULTILINE)
    cells = [[int(cell.replace(",", "")) for cell in re.findall(r"[\d,]+", row)] for row in rows]
    assert [c[0] for c in cells] == list(range(1, len(schedule.stages) + 1))
    assert max(c[5] for c in cells) == schedule.arena_bytes
    assert sum(c[6] for c in cells) == schedule.macs
    assert any(c[3] > 1 for c in cells)


def test_what_it_takes_of_flash_is_what_the_compiler_puts_there(tmp_path: Path) -> None:
    package = generate_package(schedule_of(graph_called_m()), tmp_path)
    said = re.search(r"CONSTANT_BYTES \((\d+)u\)", (package / "msf_model_m.h").read_text())
    command = ["gcc", "-c", f"-I{RUNTIME}/include", "-o", str(tmp_path / "weights.o"), str(package / "weights.c")]
    subprocess.run(command, check=True)
    table = subprocess.run(["nm", "-S", str(tmp_path / "weights.o")], capture_output=True, text=True, check=True)
    sizes = [int(size, 16) for size in re.findall(r"^\w+ (\w+) [rR] ", table.stdout, re.MULTILINE)]
    assert said and sum(sizes) == int(said[1]) > 1000
