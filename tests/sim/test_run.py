"""What the boards do with a program that is right, wrong, or broken."""

import time
from pathlib import Path

import pytest
from sim_boards import COUNTER, HOST, SELFTEST, SIMULATED, make

from msf_riot.errors import RunError
from msf_riot.testbed.session import Mismatch, run_selftest, session

FAULTS = {"no memory": 1, "undefined instruction": 2, "endless recursion": 3}
MESSAGES = {
    "no memory": "access to no memory",
    "undefined instruction": "(undefined instruction|breakpoint)",
    "endless recursion": "stack overflow",
}


def processes_of(output: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if output in command:
                found.append(command)
    return found


@pytest.mark.parametrize("board", HOST + SIMULATED)
def test_selftest_matches_and_measures(board, build):
    result = run_selftest(SELFTEST, build(board), timeout=20)
    assert (result.model, result.match, result.cases, result.first_mismatch) == ("tiny", True, 2, None)
    assert result.arena_bytes == 32
    assert 16 <= result.stack_bytes < 400
    if board == "host":
        assert result.instructions is None
        assert result.microseconds is not None
        assert result.microseconds < 100_000
    else:
        assert result.microseconds is None
        assert result.instructions is not None
        assert 100 < result.instructions < 1000


@pytest.mark.parametrize("board", HOST + SIMULATED)
def test_wrong_byte_is_reported_with_case_and_index(board, build):
    result = run_selftest(SELFTEST, build(board, TINY_WRONG=1), timeout=20)
    assert not result.match
    assert result.cases == 2
    assert result.first_mismatch == Mismatch(case=1, index=5, expected=-99, got=-40)


@pytest.mark.parametrize("board", HOST + SIMULATED)
def test_stack_high_water_is_that_of_the_inference(board, build):
    small = run_selftest(SELFTEST, build(board), timeout=20)
    large = run_selftest(SELFTEST, build(board, TINY_STACK=2016), timeout=20)
    assert abs(large.stack_bytes - small.stack_bytes - 2000) < 64


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("board", SIMULATED)
def test_fault_ends_the_run_and_is_named(board, fault, build):
    variables = build(board, TINY_FAULT=FAULTS[fault])
    start = time.monotonic()
    with pytest.raises(RunError, match=f"fault: {MESSAGES[fault]}.*Error 70"):
        run_selftest(SELFTEST, variables, timeout=30)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("fault", FAULTS)
def test_crash_on_host_is_named(fault, build):
    variables = build("host", TINY_FAULT=FAULTS[fault])
    with pytest.raises(RunError, match=r"ended the session.*(Segmentation fault|Illegal instruction|Trace)"):
        run_selftest(SELFTEST, variables, timeout=30)


@pytest.mark.cross
def test_unaligned_word_faults_on_cortex_m0_as_on_a_real_one(build):
    with pytest.raises(RunError, match="fault: unaligned access"):
        run_selftest(SELFTEST, build("sim-m0", TINY_FAULT=7), timeout=20)
    assert run_selftest(SELFTEST, build("sim-m4", TINY_FAULT=7), timeout=20).match


@pytest.mark.parametrize("fault", [4, 5], ids=["above", "below"])
@pytest.mark.parametrize("board", HOST + SIMULATED)
def test_write_beside_the_arena_is_caught(board, fault, build):
    variables = build(board, TINY_FAULT=fault)
    with pytest.raises(RunError, match="write outside the arena"):
        run_selftest(SELFTEST, variables, timeout=20)


@pytest.mark.parametrize("board", HOST + SIMULATED)
def test_endless_inference_times_out_and_leaves_no_process(board, build):
    variables = build(board, TINY_FAULT=6)
    start = time.monotonic()
    with pytest.raises(RunError, match="stopped answering"):
        run_selftest(SELFTEST, variables, timeout=2)
    assert time.monotonic() - start < 10
    assert processes_of(variables["BINDIRBASE"]) == []


def test_sanitized_host_finds_the_write_beside_the_arena(build):
    with pytest.raises(RunError, match="ended the session"):
        run_selftest(SELFTEST, build("host", sanitize=True, TINY_FAULT=4), timeout=20)


def test_sanitized_host_matches(build):
    assert run_selftest(SELFTEST, build("host", sanitize=True), timeout=20).match


@pytest.mark.parametrize("board", SIMULATED)
def test_counter_counts_a_loop_of_known_length(board, build):
    with session(COUNTER, build(board, COUNTER)) as running:
        *loops, last = running.run("count", timeout=30)
    counted = {loop["iterations"]: loop["instructions"] for loop in loops}
    # Two instructions an iteration; what the measurement itself takes is in each, and falls out of the difference
    assert abs(counted[1_000_001] - counted[1] - 2_000_000) <= last["resolution"]
    assert abs(counted[30_000_001] - counted[1] - 60_000_000) <= last["resolution"]
    assert counted[1] <= last["resolution"] + 50


@pytest.mark.parametrize("board", HOST + SIMULATED)
def test_commands_follow_each_other_in_one_session(board, build):
    with session(SELFTEST, build(board)) as running:
        for _ in range(20):
            assert running.run("model", timeout=5)[-1]["arena_bytes"] == 32
            assert running.run("selftest", timeout=5)[-1]["match"] is True


@pytest.mark.parametrize("board", SIMULATED)
def test_session_of_a_board_without_program_says_so(board, build):
    variables = build(board)
    make(SELFTEST, variables, "clean")
    with pytest.raises(RunError, match="is not built: run make all"):
        run_selftest(SELFTEST, variables, timeout=20)
