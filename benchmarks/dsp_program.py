"""Operators with an input -> a program that runs each on its dsp kernel and on the portable one, on a simulated board.

Every call has its scratch and output between guard bytes; the program prints a line of JSON for each operator: the
instructions of both kernels for the whole output, and how many bytes are not what reference.py says.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msf_riot import reference
from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph, is_pointwise
from msf_riot.kernels import PORTABLE, Constants, load
from msf_riot.kernels.dsp import cost
from msf_riot.kernels.dsp.constants import constants, supported

ROOT = Path(__file__).parents[1]

MAKEFILE = """APPLICATION = dsp_kernels
SRC = main.c
EXTERNAL_PKG_DIRS = {root}/riot_pkg
USEPKG += msf_runtime
include {root}/sim/Makefile.include
"""

HEAD = """
#include <string.h>
#include "msf/kernels.h"
#include "msf/kernels_dsp.h"
#include "sim.h"

#define GUARD 16
#define GUARD_BYTE 0x5a

static void print(const char *label, uint64_t value)
{
    char text[24];
    int at = 23;
    text[at] = 0;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    sim_write(label);
    sim_write(text + at);
}

static uint32_t guards(const int8_t *bytes, size_t size)
{
    uint32_t wrong = 0;
    for (size_t i = 0; i < GUARD; i++) {
        wrong += bytes[(int)i - GUARD] != GUARD_BYTE;
        wrong += bytes[size + i] != GUARD_BYTE;
    }
    return wrong;
}

static uint32_t difference(const int8_t *a, const int8_t *b, size_t size)
{
    uint32_t wrong = 0;
    for (size_t i = 0; i < size; i++) {
        wrong += a[i] != b[i];
    }
    return wrong;
}

static int8_t *in, *out, *scratch;
"""

RUN = """
    memset(out - GUARD, GUARD_BYTE, {out_bytes} + 2 * GUARD);
    memset(scratch - GUARD, GUARD_BYTE, {scratch_bytes} + 2 * GUARD);
    start = sim_count();
    {calls}
    end = sim_count();
    wrong = difference(out, {name}_expected, {out_bytes});
    print(", \\"{label}\\": ", end - start);
    print(", \\"{label}_wrong\\": ", wrong);
    print(", \\"{label}_guards\\": ", guards(out, {out_bytes}) + guards(scratch, {scratch_bytes}));
"""


@dataclass(frozen=True)
class Case:
    """An operator, its input, the pixels computed a call, and how far from alignment the input begins.

    Its kernel is the one for calls with up to `planned` pixels, or `step` where that is 0; a convolution computes up to
    `tile` of them together.
    """

    name: str
    graph: Graph
    operator: Conv2D | DepthwiseConv2D | Dense
    x: np.ndarray
    step: int
    offset: int = 0
    planned: int = 0
    tile: int = cost.GROUP_PIXELS

    @property
    def macs(self) -> int:
        output = self.graph.tensor(self.operator.output)
        return output.height * output.width * self.operator.weights.size


def initializer(values: np.ndarray) -> str:
    return ", ".join("INT32_MIN" if v == -(1 << 31) else str(v) for v in np.asarray(values).ravel().tolist())


def declare(made: Constants, name: str) -> list[str]:
    lines = [f"static const {a.ctype} {a.name}[] = {{ {initializer(a.values)} }};" for a in made.arrays]
    fields = ", ".join(f".{field} = {value}" for field, value in made.fields)
    return [*lines, f"static const {made.ctype} {name} = {{ {fields} }};"]


def calls(case: Case, suffix: str, scratch: str, kernel: str) -> str:
    operator, source = case.operator, case.graph.tensor(case.operator.inputs[0])
    target = case.graph.tensor(operator.output)
    op = f"&{case.name}_{suffix}"
    if isinstance(operator, Dense):
        return f"msf_dense_{suffix}({op}, in, out{scratch});"
    at = f"out + (y * {target.width} + x) * {target.channels}"
    count = f"x + {case.step} <= {target.width} ? {case.step} : {target.width} - x"
    if isinstance(operator, Conv2D) and is_pointwise(operator):
        pointwise = kernel.replace("conv2d", "pointwise")
        body = f"{pointwise}({op}, in + (y * {source.width} + x) * {source.channels}, {at}, n{scratch});"
        window = ""
    else:
        window = f"""
        const int8_t *rows[{operator.kernel[0]}];
        for (int k = 0; k < {operator.kernel[0]}; k++) {{
            const int row = y * {operator.stride[0]} - {operator.padding.top} + k;
            rows[k] = row < 0 || row >= {source.height} ? NULL : in + row * {source.width * source.channels};
        }}"""
        first = f"x * {operator.stride[1]} - {operator.padding.left}"
        body = f"{kernel}({op}, rows, {source.width}, {first}, {at}, n{scratch});"
    return f"""for (int y = 0; y < {target.height}; y++) {{{window}
        for (int x = 0; x < {target.width}; x += {case.step}) {{
            const int n = {count};
            {body}
        }}
    }}"""


def source(cases: Sequence[Case]) -> str:
    lines = [HEAD]
    body = []
    for case in cases:
        graph, operator = case.graph, case.operator
        tensor, target = graph.tensor(operator.inputs[0]), graph.tensor(operator.output)
        assert supported(graph, operator), case.name
        step = min(case.planned or case.step, target.width)
        made = constants(graph, operator, f"{case.name}_dsp", "", case.tile, step)
        lines += declare(made, f"{case.name}_dsp")
        lines += declare(load(PORTABLE).constants(graph, operator, f"{case.name}_s8", "", 1, None), f"{case.name}_s8")
        expected = reference.execute_operator(graph, operator, [case.x])
        lines.append(f"static const int8_t {case.name}_in[] = {{ {initializer(case.x)} }};")
        lines.append(f"static const int8_t {case.name}_expected[] = {{ {initializer(expected)} }};")
        together = min(step, case.tile) if isinstance(operator, Conv2D) else step
        scratch = cost.scratch_bytes(operator, tensor, target, together)
        assert scratch % 4 == 0
        # a function for each case: compilers take long over one that holds them all
        body.append(f"static void __attribute__((noinline)) run_{case.name}(int8_t *memory)")
        body += ["{", "    uint64_t start, end;", "    uint32_t wrong;"]
        body.append(f'    sim_write("{{\\"case\\": \\"{case.name}\\"");')
        body.append(f"    in = memory + 65536 + {case.offset};")
        body.append(f"    out = memory + {65536 + GAP + (tensor.size + 3) // 4 * 4} + GUARD;")
        body.append("    scratch = memory + 4 * GUARD;")
        body.append(f"    memcpy(in, {case.name}_in, {tensor.size});")
        rounded = "_twice" if isinstance(operator, Conv2D | DepthwiseConv2D) and operator.rounding == "twice" else ""
        portable = f"msf_{'conv2d' if isinstance(operator, Conv2D) else 'depthwise'}{rounded}_s8"
        for suffix, argument, kernel in (("dsp", ", scratch", made.ctype.removesuffix("_t")), ("s8", "", portable)):
            body.append(
                RUN.format(
                    out_bytes=target.size,
                    scratch_bytes=scratch,
                    calls=calls(case, suffix, argument, kernel),
                    name=case.name,
                    label=suffix,
                )
            )
        body += ['    sim_write("}\\n");', "}", ""]
    main = ["int main(void)", "{", "    int8_t *const memory = sim_spare_memory(2 << 20);"]
    main += [f"    run_{case.name}(memory);" for case in cases]
    return "\n".join([*lines, *body, *main, "    return 0;", "}", ""])


GAP = 64


@dataclass(frozen=True)
class Result:
    """Instructions for the whole output by either kernel, and bytes that are wrong, in outputs and guards."""

    dsp: int
    s8: int
    dsp_wrong: int
    dsp_guards: int
    s8_wrong: int


def run(cases: Sequence[Case], board: str, folder: Path, optimize: str = "speed") -> list[Result]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Makefile").write_text(MAKEFILE.format(root=ROOT))
    (folder / "main.c").write_text(source(cases))
    make = ["make", "-s", "--no-print-directory", "-C", str(folder), f"BOARD={board}", f"OPTIMIZE={optimize}"]
    flags = {**os.environ, "CFLAGS": "-Wno-sign-conversion -Wno-conversion"}
    subprocess.run([*make, "all"], check=True, stdout=subprocess.PIPE, env=flags)
    output = subprocess.run([*make, "term"], stdout=subprocess.PIPE, text=True, timeout=600, check=False).stdout
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if len(lines) != len(cases):
        raise AssertionError(f"{board} ended after {len(lines)} of {len(cases)} cases: {output[-500:]}")
    return [Result(*(line[k] for k in ("dsp", "s8", "dsp_wrong", "dsp_guards", "s8_wrong"))) for line in lines]
