"""with-env run on a small project of its own, whose in-tree build backend writes a line for every installation."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

WITH_ENV = Path(__file__).resolve().parent.parent / "with-env"

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "probe"
version = "1"
[project.optional-dependencies]
dev = []
"""

BACKEND = """\
import pathlib, time, zipfile
def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    with open("installed.log", "a") as log:
        log.write("once\\n")
    time.sleep(0.3)
    name = "probe-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        info = "probe-1.dist-info/"
        wheel.writestr("probe.py", "answer = 42\\n")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: probe\\nVersion: 1\\nProvides-Extra: dev\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", f"probe.py,,\\n{info}METADATA,,\\n{info}WHEEL,,\\n{info}RECORD,,\\n")
    return name
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "a project"
    root.mkdir()
    shutil.copy(WITH_ENV, root / "with-env")
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "backend.py").write_text(BACKEND)
    return root


@pytest.fixture
def without_ensurepip(tmp_path: Path) -> dict[str, str]:
    """Python as Debian's python3 package alone has it: `import ensurepip` fails."""
    (tmp_path / "debian").mkdir()
    (tmp_path / "debian/ensurepip.py").write_text("raise ImportError('python3-venv is not installed')\n")
    return {"PYTHONPATH": str(tmp_path / "debian")}


def with_env(project: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("MSF_VENV", "VIRTUAL_ENV")}
    return subprocess.run(
        [sys.executable, str(project / "with-env"), *command],
        env=environment | settings,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=180,
    )


def installations(project: Path) -> int:
    log = project / "installed.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def assert_one_line(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert result.returncode == 1
    line = result.stderr.splitlines()[-1]
    assert line.startswith("with-env: ")
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in line


def test_environment_is_made_once_and_the_commands_status_is_passed_on(project: Path) -> None:
    first = with_env(project, "python", "-c", "import probe, sys; print(probe.answer, sys.prefix); sys.exit(7)")
    assert first.returncode == 7, first.stderr
    assert first.stdout.split(" ", 1) == ["42", f"{project / '.venv'}\n"]
    assert len(first.stderr.splitlines()) == 1  # one line of progress
    second = with_env(project, "python", "-c", "print('quiet')")
    assert (second.stdout, second.stderr) == ("quiet\n", "")
    assert installations(project) == 1


def test_changed_dependencies_are_installed_again(project: Path) -> None:
    with_env(project, "true")
    (project / "pyproject.toml").write_text(PYPROJECT + "# changed\n")
    assert with_env(project, "true").returncode == 0
    assert installations(project) == 2


@pytest.mark.long
def test_interrupted_set_up_is_made_anew(project: Path) -> None:
    with_env(project, "true")
    (project / ".venv/.msf-stamp").unlink()
    shutil.rmtree(next((project / ".venv/lib").glob("python3*/site-packages/pip")))
    result = with_env(project, "python", "-c", "import probe")
    assert result.returncode == 0, result.stderr
    assert installations(project) == 2


@pytest.mark.long
def test_moved_project_gets_an_environment_that_points_to_its_new_place(project: Path) -> None:
    with_env(project, "true")
    moved = project.rename(project.with_name("moved"))
    result = with_env(moved, "pip", "--version")
    assert result.returncode == 0, result.stderr
    assert str(moved) in result.stdout


def test_concurrent_calls_set_up_once(project: Path) -> None:
    results: list[int] = []
    callers = [
        threading.Thread(target=lambda: results.append(with_env(project, "python", "-c", "import probe").returncode))
        for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == [0, 0, 0]
    assert installations(project) == 1


def test_foreign_folder_is_refused_and_kept(project: Path) -> None:
    (project / "mine").mkdir()
    (project / "mine/thesis.txt").write_text("years of work")
    result = with_env(project, "true", MSF_VENV=str(project / "mine"))
    assert_one_line(result, "mine", "MSF_VENV")
    assert (project / "mine/thesis.txt").read_text() == "years of work"


def test_old_python_is_named_in_one_line(project: Path) -> None:
    script = project / "with-env"
    script.write_text(script.read_text().replace("OLDEST = (3, 11)", "OLDEST = (3, 99)"))
    assert_one_line(with_env(project, "true"), "Python 3.11 or newer is needed")
    assert not (project / ".venv").exists()


def test_unknown_command_and_no_command_are_one_line_each(project: Path) -> None:
    assert_one_line(with_env(project), "usage")
    with_env(project, "true")
    result = with_env(project, "no-such-command")
    assert (result.returncode, result.stderr) == (127, "with-env: no-such-command: No such file or directory\n")


@pytest.mark.long
def test_failing_installation_is_tried_again(project: Path) -> None:
    (project / "backend.py").write_text("raise SystemExit('the backend is broken')\n")
    assert_one_line(with_env(project, "true"), "set-up failed at", "pip install")
    (project / "backend.py").write_text(BACKEND)
    assert with_env(project, "python", "-c", "import probe").returncode == 0


class FalseIndex(http.server.BaseHTTPRequestHandler):
    """Offers the wanted pip wheel, but with other bytes in it."""

    def do_GET(self) -> None:
        wheel = next(line.split('"')[1] for line in WITH_ENV.read_text().splitlines() if line.startswith("PIP_WHEEL"))
        body = b"not pip" if self.path.endswith(".whl") else f'<a href="../files/{wheel}#sha256=00">pip</a>'.encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def false_index() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), FalseIndex) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
        server.shutdown()


def test_without_ensurepip_a_wheel_of_other_content_is_refused(
    project: Path, without_ensurepip: dict[str, str], false_index: str
) -> None:
    result = with_env(project, "true", PIP_INDEX_URL=false_index, **without_ensurepip)
    assert_one_line(result, false_index, "not the file that was published")


def test_without_ensurepip_an_absent_index_is_one_line(project: Path, without_ensurepip: dict[str, str]) -> None:
    result = with_env(project, "true", PIP_INDEX_URL="http://127.0.0.1:9/simple", **without_ensurepip)
    assert_one_line(result, "cannot fetch http://127.0.0.1:9/simple/pip/")


def test_without_ensurepip_pip_comes_from_the_index(project: Path, without_ensurepip: dict[str, str]) -> None:
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    try:
        urllib.request.urlopen(index, timeout=20).close()
    except OSError as error:
        pytest.skip(f"the package index {index} cannot be reached: {error}")
    result = with_env(project, "python", "-c", "import pip, probe; print(pip.__version__)", **without_ensurepip)
    assert result.returncode == 0, result.stderr
    assert f"pip-{result.stdout.strip()}-" in WITH_ENV.read_text()
