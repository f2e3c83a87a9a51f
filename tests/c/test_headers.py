"""What an application includes: each header alone, in C and in C++, without a warning."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from msf_riot import codegen, importer, planner, scheduler, zoo
from msf_riot.places import ROOT

RUNTIME = ROOT / "riot_pkg" / "msf_runtime" / "include"
PORT = ROOT / "riot_pkg" / "msf_port"
HEADERS = [f"msf/{path.name}" for path in sorted((RUNTIME / "msf").glob("*.h"))] + ["json.h", "port.h"]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror"]
COMPILERS = {
    "c": ["cc", "-std=c99", "-Wstrict-prototypes"],
    "c++": ["g++", "-std=c++17", "-Wold-style-cast"],
    "c++ for Arm": ["arm-none-eabi-g++", "-std=c++17", "-mcpu=cortex-m4", "-mthumb"],
}


def compile_text(language: str, text: str, folder: Path, *includes: Path) -> None:
    command = COMPILERS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    source = folder / ("main.c" if language == "c" else "main.cpp")
    source.write_text(text)
    paths = [f"-I{path}" for path in (RUNTIME, PORT, *includes)]
    made = [*command, *WARNINGS, *paths, "-c", str(source), "-o", str(folder / "main.o")]
    result = subprocess.run(made, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("language", COMPILERS)
@pytest.mark.parametrize("header", HEADERS)
def test_a_header_compiles_alone(language: str, header: str, tmp_path: Path) -> None:
    compile_text(language, f'#include "{header}"\n#include "{header}"\n', tmp_path)


APPLICATION = """
#include "msf_model_door.h"

static int8_t input[MSF_MODEL_DOOR_INPUT_BYTES];
static int8_t output[MSF_MODEL_DOOR_OUTPUT_BYTES];

int main()
{
    for (unsigned i = 0; i < sizeof(input); i++) {
        input[i] = MSF_MODEL_DOOR_INPUT_QUANTIZE(0.25f);
    }
    msf_model_door_invoke(msf_model_door_arena, input, output);
    const float score = MSF_MODEL_DOOR_OUTPUT_DEQUANTIZE(output[0]);
    return score > 0.5f ? msf_model_door_labels[0][0] : msf_model_door_network.name[0];
}
"""


@pytest.mark.parametrize("language", ["c++", "c++ for Arm"])
def test_an_application_in_cpp_has_all_of_a_package(language: str, tmp_path: Path) -> None:
    graph = importer.import_model(zoo.resolve("zoo:tiny-vww"))
    graph = dataclasses.replace(graph, name="door", labels=("nobody", "somebody"))
    package = codegen.generate_package(scheduler.schedule(graph, planner.choose_plan(graph)), tmp_path)
    compile_text(language, APPLICATION, tmp_path, package)
