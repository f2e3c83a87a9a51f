"""The same journals in SQLite and in a real PostgreSQL server give the same results."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest


def tools() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture
def server():
    """A server of its own; the function stops and starts it. PostgreSQL does not run as root."""
    bin_ = tools()
    if bin_ is None:
        pytest.skip("no PostgreSQL: apt install postgresql")
    root = os.geteuid() == 0
    user = pwd.getpwnam("postgres") if root else pwd.getpwuid(os.geteuid())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="msf-postgresql-"))
    if root:
        os.chown(folder, user.pw_uid, user.pw_gid)

    def call(tool: str, *arguments: str) -> None:
        prefix = ["runuser", "-u", "postgres", "--"] if root else []
        command = [*prefix, str(bin_ / tool), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    def switch(on: bool) -> None:
        settings = f"-h 127.0.0.1 -p {port} -k {folder}"
        call("pg_ctl", "-w", "-l", str(folder / "log"), *(("-o", settings, "start") if on else ("-m", "fast", "stop")))

    call("initdb", "-A", "trust", "-U", "lab", "--no-sync")
    switch(True)
    switch.url = f"postgresql+psycopg://lab@127.0.0.1:{port}/postgres"
    yield switch
    with contextlib.suppress(subprocess.CalledProcessError):  # a test left it stopped
        switch(False)
    shutil.rmtree(folder)


def test_results_are_the_same_in_both(bench, server) -> None:
    bench.add("here", "host")
    bench.add("m4", "sim-m4")
    bench.play("played", "garbage")
    bench.environment["MSF_RESULTS"] = server.url
    run = bench.call("run", str(bench.matrix(plans=["default", "layer-by-layer", {"ram": 64}])))["run"]
    there = bench.call("results", "--run", run)["results"]
    server(False)
    away = bench.call("run", str(bench.matrix()))
    assert away["matched"] == 3 and "the journals keep what it misses" in bench.said
    server(True)
    assert {row["run"] for row in bench.call("results")["results"]} == {run, away["run"]}
    both = bench.call("results")["results"]
    bench.environment["MSF_RESULTS"] = str(bench.folder / "own.sqlite")
    assert bench.call("results")["results"] == both
    assert bench.call("results", "--run", run)["results"] == there and len(there) == 9
