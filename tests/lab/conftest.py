"""A lab in a folder of its own: testbed.yaml, matrices, played boards, and nothing of it left over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PLAYER = Path(__file__).with_name("player.py")
MODELS = ["zoo:tiny-1d"]


class Bench:
    """The folder, and `msf-riot testbed` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boards: dict[str, Any] = {}
        self.environment = {
            **os.environ,
            "MSF_TESTBED": str(folder / "state"),
            "MSF_LOCKS": str(folder / "locks"),
            "LAB_OF_TEST": str(folder),
        }
        self.environment.pop("MSF_RESULTS", None)

    def add(self, id_: str, board: str, **more: Any) -> None:
        self.boards[id_] = {"board": board, **more}
        (self.folder / "testbed.yaml").write_text(yaml.safe_dump({"boards": self.boards}, sort_keys=False))

    def play(self, id_: str, *faults: str, **more: Any) -> Path:
        """A played board with its faults to come."""
        folder = self.folder / id_
        folder.mkdir()
        (folder / "faults").write_text("\n".join(faults))
        player = f"{sys.executable} {PLAYER}"
        environment = {
            "PLAYED": str(folder),
            "TERMPROG": f"{player} term",
            "PROGRAMMER_FLASH": f"{player} flash",
            "PROGRAMMER_RESET": f"{player} reset",
        }
        self.add(id_, "host", environment=environment, **more)
        return folder

    def matrix(self, **more: Any) -> Path:
        file = self.folder / "matrix.yaml"
        file.write_text(yaml.safe_dump({"models": MODELS, "boards": "all", "timeout": 5, **more}))
        return file

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "msf_riot.cli", "testbed", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def call(self, *arguments: str, status: int = 0) -> Any:
        """Its JSON; standard error is kept in `said`."""
        process = self.start(*arguments, "--json")
        out, self.said = process.communicate(timeout=300)
        assert process.returncode == status, self.said
        assert "Traceback" not in self.said
        return json.loads(out) if out else None

    def journal(self, run: str, kind: str) -> list[dict[str, Any]]:
        lines = (self.folder / "state" / "journal" / f"{run}.jsonl").read_text().splitlines()
        return [entry for entry in map(json.loads, lines) if entry["kind"] == kind]

    def left_over(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if f"LAB_OF_TEST={self.folder}\0".encode() in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests share: firmware is built once."""
    return tmp_path_factory.mktemp("built")


@pytest.fixture
def bench(tmp_path: Path, built: Path):
    made = Bench(tmp_path)
    (tmp_path / "state").mkdir()
    for name in ("firmware", "packages"):
        (built / name).mkdir(exist_ok=True)
        (tmp_path / "state" / name).symlink_to(built / name)
    yield made
    assert made.left_over() == []
