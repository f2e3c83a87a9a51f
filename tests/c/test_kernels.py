"""Every kernel alone, under AddressSanitizer and UndefinedBehaviorSanitizer, against reference.py."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_calls import ROOT, RUNTIME, SANITIZERS, STRATEGIES, WARNINGS, Driver


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc)")
    program = tmp_path_factory.mktemp("kernels") / "driver"
    sources = [ROOT / "tests/c/calls.c", ROOT / "tests/c/host.c", *sorted(RUNTIME.glob("*/*.c"))]
    options = [*WARNINGS, *SANITIZERS, "-g", "-O1", f"-I{RUNTIME / 'include'}"]
    subprocess.run([compiler, *options, *sources, "-o", program], check=True)
    running = Driver(program)
    yield running
    running.close()


@pytest.mark.parametrize("kernel", STRATEGIES)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_kernel_equals_reference_whole_in_segments_and_in_place(driver, kernel, data):
    for call in data.draw(STRATEGIES[kernel]):
        assert driver.run(call) == call.expected
