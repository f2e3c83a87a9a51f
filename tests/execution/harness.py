"""Schedules run as C on this machine, under AddressSanitizer and UndefinedBehaviorSanitizer, with a guarded arena."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from msf_riot.codegen import generate_package, package_name
from msf_riot.ir import Int8Array
from msf_riot.scheduler import Schedule

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "riot_pkg/msf_runtime"
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"]
SANITIZERS = ["-g1", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@functools.cache
def runtime_objects(flags: tuple[str, ...]) -> tuple[str, ...]:
    """The kernels, compiled once for all tests of a process."""
    directory = Path(tempfile.mkdtemp(prefix="msf-runtime-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    sources = sorted(str(path) for path in RUNTIME.glob("*/*.c"))
    include = f"-I{RUNTIME}/include"
    subprocess.run(["gcc", *WARNINGS, *flags, include, "-c", *sources], cwd=directory, check=True)
    return tuple(sorted(str(path) for path in directory.glob("*.o")))


def run_on_host(schedule: Schedule, inputs: Int8Array, flags: tuple[str, ...] = tuple(SANITIZERS)) -> Int8Array:
    """What the generated C gives, [n, *output_shape], for inputs [n, *input_shape]."""
    with tempfile.TemporaryDirectory() as temporary:
        package = generate_package(schedule, Path(temporary))
        program = Path(temporary) / "program"
        compiled = subprocess.run(
            [
                *("gcc", *WARNINGS, *flags, f"-I{RUNTIME}/include", f"-I{package}"),
                *(f"-DMODEL={package_name(schedule)}_network", "-o", str(program)),
                *sorted(str(path) for path in package.glob("*.c")),
                *(str(ROOT / "tests/execution/driver.c"), *runtime_objects(flags)),
            ],
            capture_output=True,
            check=False,
        )
        assert compiled.returncode == 0, compiled.stderr.decode()
        done = subprocess.run([program], input=inputs.tobytes(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return np.frombuffer(done.stdout, np.int8).reshape(len(inputs), *schedule.graph.output_shape)
