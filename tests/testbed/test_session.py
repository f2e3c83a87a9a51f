"""The session against boards that behave, misbehave, and die: real processes on a real terminal."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from msf_riot.errors import RunError
from msf_riot.testbed.session import Mismatch, SelftestResult, flash, run_selftest, session

BOARD = Path(__file__).parent / "board"


@pytest.fixture
def board(tmp_path):
    """make's variables for a board of the given personality; no process of it may outlive the test."""

    def board(personality: str, **more: str) -> dict[str, str]:
        resets = str(tmp_path / "resets")
        return {"BOARD": "played", "PERSONALITY": personality, "PYTHON": sys.executable, "RESETS": resets, **more}

    yield board
    left = processes_with(str(tmp_path))
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert left == []


def processes_with(text: str) -> list[int]:
    """Processes that have the text in their environment, which every one started by the session inherits."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"RESETS={text}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_result_of_a_board_that_behaves(board):
    assert run_selftest(BOARD, board("well"), timeout=10) == SelftestResult(
        model="tiny",
        match=True,
        cases=2,
        first_mismatch=None,
        instructions=None,
        microseconds=1234,
        arena_bytes=32,
        stack_bytes=100,
        clock_hz=64_000_000,
    )


def test_mismatch_is_a_result(board):
    result = run_selftest(BOARD, board("mistaken"), timeout=10)
    assert not result.match
    assert result.first_mismatch == Mismatch(case=1, index=5, expected=-3, got=4)


def test_answers_belong_to_their_commands(board):
    with session(BOARD, board("well")) as running:
        for number in range(1, 51):
            assert running.run("number", timeout=5) == [{"msf": "number", "number": number}]


def test_objects_are_found_in_noise(board):
    with session(BOARD, board("noisy")) as running:
        kinds = [found["msf"] for found in running.run("selftest", timeout=5)]
    assert kinds == ["case", "result"]


def test_board_that_boots_slowly_is_waited_for(board):
    assert run_selftest(BOARD, board("late"), timeout=10).match


def test_board_that_hangs_is_reset_once(board):
    variables = board("asleep")
    with session(BOARD, variables, timeout=4) as running:
        assert running.run("selftest", timeout=5)[-1]["match"]
    assert Path(variables["RESETS"]).read_text() == "reset\n"


def test_emulated_board_is_not_reset(board):
    variables = board("asleep", EMULATE="1")
    with pytest.raises(RunError, match="did not answer"), session(BOARD, variables, timeout=3):
        pass
    assert not Path(variables["RESETS"]).exists()


@pytest.mark.parametrize("personality", ["mute", "shellless"])
def test_board_without_shell_is_given_up(board, personality):
    start = time.monotonic()
    with (
        pytest.raises(RunError, match="board played did not answer within 2 s: is it connected"),
        session(BOARD, board(personality), timeout=2),
    ):
        pass
    assert time.monotonic() - start < 8


@pytest.mark.parametrize(
    ("personality", "message"),
    [
        ("stranger", "does not know 'selftest': is another application flashed"),
        ("dying", r"ended the session.*HARD FAULT"),
        ("dead", r"ended the session.*cannot open /dev/ttyACM0"),
        ("falling-silent", r"stopped answering.*last.*case"),
        ("talkative", "stopped answering.*still at it"),
        ("flooding", "sends without end"),
        ("garbling", "sent a garbled line"),
        ("incomplete", "sent a result without what belongs there"),
        ("wrongly-typed", "sent a result without what belongs there"),
        ("overrunning", "the selftest stopped, write outside the arena"),
    ],
)
def test_failure_is_one_line_that_says_what_happened(board, personality, message):
    start = time.monotonic()
    with pytest.raises(RunError, match=message) as caught:
        run_selftest(BOARD, board(personality), timeout=2)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 4
    assert time.monotonic() - start < 20


def test_silence_is_noticed_before_the_whole_time_is_over(board):
    start = time.monotonic()
    with (
        pytest.raises(RunError, match="stopped answering"),
        session(BOARD, board("falling-silent")) as running,
    ):
        running.run("selftest", timeout=100, silence=1)
    assert time.monotonic() - start < 20


def test_stubborn_processes_do_not_outlive_the_session(board, tmp_path):
    assert run_selftest(BOARD, board("stubborn"), timeout=10).match
    time.sleep(0.2)
    assert processes_with(str(tmp_path)) == []


def test_processes_do_not_outlive_an_exception(board, tmp_path):
    with pytest.raises(ZeroDivisionError), session(BOARD, board("stubborn")):
        1 / 0  # noqa: B018
    time.sleep(0.2)
    assert processes_with(str(tmp_path)) == []


def test_folder_that_is_no_application_is_an_error(tmp_path, board):
    with pytest.raises(RunError, match="ended the session"):
        run_selftest(tmp_path / "nowhere", board("well"), timeout=5)


def test_missing_make_is_an_error(board, monkeypatch):
    with pytest.raises(RunError, match="no terminal for board played"):
        monkeypatch.setattr("riotctrl.ctrl.MAKE", "/nonexistent/make")
        run_selftest(BOARD, board("well"), timeout=5)


def test_flashing_that_fails_shows_what_the_programmer_said_last(board, tmp_path):
    with pytest.raises(RunError, match=r"flashing board played failed: verify failed at 0x08000000 .*flash\.log"):
        flash(BOARD, board("unflashable"), tmp_path / "flash.log")


def test_flashing_that_succeeds_keeps_its_log(board, tmp_path):
    flash(BOARD, board("well"), tmp_path / "flash.log")
    assert "erasing" in (tmp_path / "flash.log").read_text()
