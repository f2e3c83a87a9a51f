"""Runs on boards that behave and boards that do not: every attempt is accounted for, no result is told twice."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest


def test_a_matrix_on_several_boards(bench) -> None:
    bench.add("here", "host")
    bench.add("m4", "sim-m4")
    bench.play("played")
    matrix = bench.matrix(plans=["default", "layer-by-layer", {"ram": 64}], repetitions=2)
    summary = bench.call("run", str(matrix), status=0)
    run = summary.pop("run")
    assert summary == {
        "jobs": 9,
        "attempts": 12,
        "results": 6,
        "matched": 6,
        "given_up": 0,
        "unfit": 3,
        "waiting": 0,
        "quarantined": [],
    }
    rows = bench.call("results", "--run", run)["results"]
    assert Counter(row["outcome"] for row in rows) == {"done": 6, "unfit": 3}
    done = [row for row in rows if row["outcome"] == "done"]
    assert all(row["match"] and row["repetitions"] == 2 and row["compiler"] and row["elf_sha256"] for row in done)
    assert {row["instructions_spread"] for row in done if row["board"] == "m4"} == {0.0}
    assert "the leanest takes" in next(row["reason"] for row in rows if row["outcome"] == "unfit")
    # the same firmware is not written again: two plans, flashed once each
    assert (bench.folder / "played" / "flashed").read_text() == "flash\n" * 2
    assert bench.call("run", str(matrix))["matched"] == 6
    assert (bench.folder / "played" / "flashed").read_text().count("flash") <= 4
    attempt = bench.journal(run, "attempt")[0]
    assert '"msf":"result"' in gzip.decompress(Path(attempt["log"]).read_bytes()).decode()


@pytest.mark.parametrize(
    ("faults", "phase", "said"),
    [
        pytest.param(["pulled"], "run", "ended the session", marks=pytest.mark.long),
        (["hung"], "run", "stopped answering"),
        pytest.param(["garbage"], "run", "garbled", marks=pytest.mark.long),
        pytest.param(["half"], "run", "stopped answering", marks=pytest.mark.long),
        pytest.param(["other-model"], "read", "sent a result of other_", marks=pytest.mark.long),
        (["swapped", "swapped"], "ready", "was another board plugged in"),
        pytest.param(["unflashable"], "flash", "verify failed", marks=pytest.mark.long),
        pytest.param(["unplugged", "unplugged"], "ready", "cannot open", marks=pytest.mark.long),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_fault_that_comes_once_is_an_attempt_more(bench, faults, phase: str, said: str) -> None:
    folder = bench.play("played")
    matrix = bench.matrix(timeout=2)
    bench.call("run", str(matrix))  # flashed, and it runs well
    if faults == ["unflashable"]:
        (folder / "memory.elf").unlink()
    first = ["well"] if phase in ("run", "read") else []  # the terminal that asks for the build id
    (folder / "faults").write_text("\n".join([*first, *faults]))
    summary = bench.call("run", str(matrix))
    assert (summary["results"], summary["matched"], summary["given_up"]) == (1, 1, 0)
    failed, good = bench.journal(summary["run"], "attempt")
    assert (failed["outcome"], failed["phase"], good["outcome"]) == ("failed", phase, "result")
    assert said in failed["error"]
    assert summary["attempts"] == 2 == len(bench.journal(summary["run"], "begin"))


def test_a_mismatch_is_a_result(bench) -> None:
    bench.play("played", "always", "mistaken")
    summary = bench.call("run", str(bench.matrix()), status=5)
    assert (summary["results"], summary["matched"], summary["attempts"]) == (1, 0, 1)
    assert "differ from the reference" in bench.said


def test_a_board_that_never_works_is_quarantined_and_another_does_its_jobs(bench) -> None:
    bad = bench.play("bad", "always", "unplugged")
    matrix = bench.matrix(plans=["default", "layer-by-layer"], optimize=["speed", "size"])
    summary = bench.call("run", str(matrix), status=4)
    assert (summary["given_up"], summary["waiting"], summary["quarantined"]) == (3, 1, ["bad"])
    rungs = [entry["rung"] for entry in bench.journal(summary["run"], "begin")]
    assert rungs == ["first", "again", "reset", "flash"] * 3
    (board,) = bench.call("status")["boards"]
    assert board["state"] == "quarantined" and "3 jobs in a row" in board["quarantine"]
    # what waits is done by another of its kind
    bench.play("good")
    resumed = bench.call("run", "--resume", summary["run"], status=4)
    assert (resumed["results"], resumed["waiting"], resumed["attempts"]) == (1, 0, summary["attempts"] + 1)
    assert bench.call("release", "bad") == {"board": "bad", "released": True}
    (bad / "faults").write_text("")
    assert bench.call("run", str(bench.matrix(boards=["bad"])))["matched"] == 1


@pytest.mark.parametrize(
    "kind",
    [pytest.param("build", marks=pytest.mark.long), "begin", pytest.param("attempt", marks=pytest.mark.long)],
)
def test_a_run_that_is_killed_goes_on_where_it_was(bench, kind: str) -> None:
    bench.add("one", "host")
    folder = bench.play("two", "hung", "hung")
    matrix = bench.matrix(plans=["default", "layer-by-layer"], repetitions=2, timeout=60)
    process = bench.start("run", str(matrix))
    journals = bench.folder / "state" / "journal"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        text = "".join(file.read_text() for file in journals.glob("*.jsonl"))
        if text.count(f'"kind":"{kind}"') >= 1 or (kind == "build" and text):
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (run,) = (file.stem for file in journals.glob("*.jsonl"))
    (folder / "faults").write_text("")
    deadline = time.monotonic() + 30  # a compiler that make had started ends by itself
    while bench.left_over() and time.monotonic() < deadline:
        time.sleep(0.1)
    with (journals / f"{run}.jsonl").open("a") as file:
        file.write('{"id":"torn","kind":"att')
    summary = bench.call("run", str(matrix), "--resume")
    assert summary["run"] == run
    assert (summary["jobs"], summary["results"], summary["matched"], summary["given_up"]) == (4, 4, 4, 0)
    begun = Counter(entry["attempt"] for entry in bench.journal(run, "begin"))
    ended = Counter(entry["attempt"] for entry in bench.journal(run, "attempt"))
    assert begun == ended and set(begun.values()) == {1}
    good = Counter((e["job"], e["repetition"]) for e in bench.journal(run, "attempt") if e["outcome"] == "result")
    assert len(good) == 8 and set(good.values()) == {1}
    rows = bench.call("results", "--run", run)["results"]
    assert len(rows) == 4 and all(row["match"] for row in rows)
    assert all(board["state"] == "free" for board in bench.call("status")["boards"])


def test_ctrl_c_leaves_nothing_behind(bench) -> None:
    bench.play("played", "hung", "hung", "hung")
    process = bench.start("run", str(bench.matrix(timeout=60)))
    journals = bench.folder / "state" / "journal"
    while not any('"kind":"begin"' in file.read_text() for file in journals.glob("*.jsonl")):
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    (run,) = (file.stem for file in journals.glob("*.jsonl"))
    assert [entry["outcome"] for entry in bench.journal(run, "attempt")] == ["interrupted"]


def test_two_runners_at_once(bench) -> None:
    folder = bench.play("played", "well", "hung")
    matrix = bench.matrix(timeout=8)
    first = bench.start("run", str(matrix))
    while not (folder / "flashed").exists():
        time.sleep(0.05)
    (board,) = bench.call("status")["boards"]
    assert board["state"] == "busy" and board["holder"]["process"] == first.pid
    bench.call("run", str(matrix), status=2)
    assert f"process {first.pid}" in bench.said and "--wait" in bench.said
    assert bench.call("run", str(matrix), "--wait")["matched"] == 1
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_a_full_disk_stops_the_run_and_loses_nothing(bench) -> None:
    bench.add("here", "host")
    bench.call("run", str(bench.matrix()))
    process = subprocess.Popen(
        [sys.executable, "-m", "msf_riot.cli", "testbed", "run", str(bench.matrix(repetitions=12))],
        cwd=bench.folder,
        env={**bench.environment, "MSF_RESULTS": "postgresql+psycopg://nobody@127.0.0.1:1/none"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
    )
    _, said = process.communicate(timeout=300)
    assert process.returncode == 2 and "Traceback" not in said
    run = sorted(file.stem for file in (bench.folder / "state" / "journal").glob("*.jsonl"))[-1]
    assert "cannot be written (File too large): the run stops here; make room and go on with" in said
    counted = sum(entry["outcome"] == "result" for entry in bench.journal(run, "attempt"))
    assert 2 < counted < 12
    summary = bench.call("run", "--resume", run)
    assert (summary["results"], summary["matched"]) == (1, 1)
    good = Counter(e["repetition"] for e in bench.journal(run, "attempt") if e["outcome"] == "result")
    assert good == Counter(range(1, 13))


def test_a_database_that_is_away_loses_nothing(bench) -> None:
    bench.add("here", "host")
    bench.environment["MSF_RESULTS"] = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    summary = bench.call("run", str(bench.matrix()))
    assert summary["matched"] == 1
    assert "the journals keep what it misses" in bench.said
    bench.environment["MSF_RESULTS"] = str(bench.folder / "later.sqlite")
    assert len(bench.call("results", "--run", summary["run"])["results"]) == 1
    assert len(bench.call("results", "--run", summary["run"])["results"]) == 1
    with sqlite3.connect(bench.folder / "later.sqlite") as database:
        assert database.execute("SELECT count(*) FROM attempts").fetchone() == (1,)


@pytest.mark.long
def test_two_runs_are_compared(bench) -> None:
    bench.add("m4", "sim-m4")
    one = bench.call("run", str(bench.matrix()))["run"]
    other = bench.call("run", str(bench.matrix(optimize="size")))["run"]
    assert bench.call("results", "--compare", one, one)["differences"] == []
    bench.call("results", "--compare", one, "nothing", status=2)
    assert "no results of a run 'nothing'" in bench.said
    assert bench.call("results", "--compare", one, other)["differences"] == []  # other cells
    with sqlite3.connect(bench.folder / "state" / "results.sqlite") as database:
        database.execute("UPDATE jobs SET optimize = 'speed'")
    found = bench.call("results", "--compare", one, other, status=4)
    slower = next(each for each in found["differences"] if each["measure"] == "instructions")
    assert slower["regression"] and slower["ratio"] > 1.02


@pytest.mark.long
def test_exports(bench) -> None:
    bench.add("here", "host")
    bench.play("played", "always", "unplugged", notes="<b>")
    bench.call("run", str(bench.matrix()), status=4)
    for name in ("all.csv", "all.json", "all.xml"):
        bench.call("results", "--export", name)
    junit = (bench.folder / "all.xml").read_text()
    assert 'tests="2" failures="0" errors="1" skipped="0"' in junit and "cannot open" in junit
    assert len((bench.folder / "all.csv").read_text().splitlines()) == 3
    bench.call("results", "--export", "all.doc", status=2)
    assert ".csv, .json, .xml" in bench.said


@pytest.mark.long
def test_no_path_is_needed_for_state(bench) -> None:
    bench.add("here", "host")
    del bench.environment["MSF_TESTBED"]
    bench.environment["XDG_STATE_HOME"] = str(bench.folder / "home")
    assert bench.call("run", str(bench.matrix()))["matched"] == 1
    assert list(Path(bench.folder / "home").rglob("*.jsonl"))


def test_the_report_shows_everything_and_trusts_nothing(bench) -> None:
    bench.add("m4", "sim-m4")
    bench.play("played", "always", "garbage", notes="<b>")
    run = bench.call("run", str(bench.matrix(plans=["default", {"ram": 64}])), status=4)["run"]
    assert bench.call("report", "-o", "page.html") == {"run": run, "file": "page.html"}
    page = (bench.folder / "page.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert " instructions<small>" in page and "given up" in page and "unfit" in page and run in page
    assert "http" not in page
    bench.call("report", "--run", "none", status=2)
    assert "no results of a run 'none'" in bench.said
