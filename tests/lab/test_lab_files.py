"""testbed.yaml and matrix.yaml: what they may say, and one clear line where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from msf_riot.errors import BoardError, LabError, MsfError
from msf_riot.lab import journal
from msf_riot.lab.description import read_lab
from msf_riot.lab.matrix import read_matrix

LAB = {
    "door": {"board": "nrf52840dk", "serial": "000683012345", "power": {"hub": "1-1", "port": 2}},
    "cellar": {"board": "hifive1b", "path": "1-1.3", "interface": 0, "adapter": "979"},
    "node": {"board": "nrf52dk", "environment": {"IOTLAB_NODE": "nrf52dk-4.saclay.iot-lab.info", "PORT": 20000}},
    "emulated": {"board": "microbit", "environment": {"EMULATE": 1}},
    "m4": {"board": "sim-m4"},
    "away": {"board": "sim-m4", "quarantine": "lent out"},
}


def write(folder: Path, name: str, content: object) -> Path:
    file = folder / name
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return file


@pytest.fixture
def lab(tmp_path: Path):
    return read_lab(write(tmp_path, "testbed.yaml", {"boards": LAB}))


def test_what_a_lab_says(lab) -> None:
    assert list(lab.boards) == list(LAB)
    assert lab.boards["door"].power.cycle() == "uhubctl --location 1-1 --ports 2 --action cycle"
    assert {id_ for id_, board in lab.boards.items() if board.emulated} == {"emulated", "m4", "away"}
    assert lab.boards["node"].reaching() == {"IOTLAB_NODE": "nrf52dk-4.saclay.iot-lab.info", "PORT": "20000"}
    assert lab.boards["emulated"].reaching()["PROGRAMMER_FLASH"] == "true"
    assert lab.boards["away"].quarantine == "lent out"
    with pytest.raises(LabError, match=r"board door is not there: .* serial number 000683012345"):
        lab.boards["door"].reaching()


def test_a_port_is_found_by_what_does_not_change(lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def port(device: str, serial: str | None, location: str):
        return type("Port", (), {"device": device, "serial_number": serial, "location": location})()

    ports = [
        port("/dev/ttyACM3", "000683012345", "1-2:1.0"),
        port("/dev/ttyACM4", "0001", "1-1.3:1.0"),
        port("/dev/ttyACM5", "0001", "1-1.3:1.2"),
        port("/dev/ttyS0", None, ""),
    ]
    monkeypatch.setattr("msf_riot.lab.description.list_ports.comports", lambda: ports)
    door = lab.boards["door"].reaching()
    assert (door["PORT"], door["DEBUG_ADAPTER_ID"]) == ("/dev/ttyACM3", "000683012345")
    cellar = lab.boards["cellar"].reaching()
    assert (cellar["PORT"], cellar["DEBUG_ADAPTER_ID"]) == ("/dev/ttyACM4", "979")
    ports[2].location = "1-1.3:1.0"
    with pytest.raises(LabError, match=r"/dev/ttyACM4, /dev/ttyACM5 all have USB path 1-1\.3"):
        lab.boards["cellar"].reaching()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "'boards' is a required property"),
        ({"boards": {}}, "boards"),
        ({"boards": {"a b": {"board": "host"}}}, "does not match"),
        ({"boards": {"a": {"board": "hots"}}}, "board a: unknown board 'hots': did you mean host"),
        ({"boards": {"a": {"board": "host", "seriel": "1"}}}, "'seriel' was unexpected"),
        ({"boards": {"a": {"board": "host", "power": {"hub": "1"}}}}, "boards.a.power"),
        ({"boards": {"a": {"board": "host", "environment": {"A-B": 1}}}}, "does not match"),
        ("boards: [", "is not YAML"),
        ("\x00", "is not YAML"),
        ("&a [*a]", "top level"),
    ],
)
def test_a_testbed_that_is_wrong(tmp_path: Path, content: object, says: str) -> None:
    with pytest.raises((LabError, BoardError), match=f"(?s)testbed.*{says}") as error:
        read_lab(write(tmp_path, "testbed.yaml", content))
    assert "\n" not in str(error.value)


def test_an_absent_testbed(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be read: No such file"):
        read_lab(tmp_path / "testbed.yaml")


@pytest.mark.parametrize(
    ("boards", "ids"),
    [
        ("all", list(LAB)),
        (["sim-m4"], ["m4", "away"]),
        (["m4", "door", "m4"], ["m4", "door"]),
        ([{"kind": "sim"}], ["m4", "away"]),
        ([{"extension": "dsp", "kind": "riot"}], ["door", "node"]),
        ([{"isa": "rv32imac"}], ["cellar"]),
        ([{"kind": "riot", "ram": "64KiB"}], ["door", "node"]),
    ],
)
def test_boards_of_a_matrix(lab, tmp_path: Path, boards: object, ids: list[str]) -> None:
    content = {"models": ["zoo:tiny-1d"], "boards": boards}
    assert [job.board for job in read_matrix(write(tmp_path, "m.yaml", content), lab)] == ids


def test_cells_of_a_matrix(lab, tmp_path: Path) -> None:
    (tmp_path / "kws.onnx").touch()
    content = {
        "models": ["kws.onnx", "zoo:tiny-1d"],
        "plans": ["default", "layer-by-layer", {"ram": "1KiB"}],
        "boards": ["m4", "emulated"],
        "optimize": ["speed", "size"],
        "repetitions": 3,
        "timeout": 2.5,
    }
    jobs = read_matrix(write(tmp_path, "m.yaml", content), lab)
    assert len(jobs) == len({job.id for job in jobs}) == 2 * 3 * 2 * 2
    assert {job.plan for job in jobs} == {"default", "layer-by-layer", "ram:1024"}
    assert jobs[0].model == str(tmp_path / "kws.onnx") and jobs[0].timeout == 2.5 and jobs[0].repetitions == 3
    assert jobs == read_matrix(tmp_path / "m.yaml", lab)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"models": []}, "models"),
        ({"models": ["absent.onnx"]}, "absent.onnx: no such file"),
        ({"models": ["zoo:nothing"]}, "no network 'nothing'"),
        ({"plans": ["fast"]}, "'fast' is neither default, layer-by-layer nor a file"),
        ({"plans": [{"ram": "much"}]}, "'much' is no size"),
        ({"boards": ["m5"]}, "m5 is none of"),
        ({"boards": [{"isa": "z80"}]}, '"z80"'),
        ({"boards": "some"}, "boards"),
        ({"optimize": "fast"}, "optimize"),
        ({"repetitions": 0}, "repetitions"),
        ({"timeout": 0}, "timeout"),
        ({"bords": "all"}, "'bords' was unexpected"),
    ],
)
def test_a_matrix_that_is_wrong(lab, tmp_path: Path, changes: dict[str, object], says: str) -> None:
    content = {"models": ["zoo:tiny-1d"], "boards": "all", **changes}
    with pytest.raises(MsfError, match=says) as error:
        read_matrix(write(tmp_path, "m.yaml", content), lab)
    assert "\n" not in str(error.value)


def test_a_journal_is_cut_to_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSF_TESTBED", str(tmp_path))
    first = journal.Journal("run")
    kept = first.add("begin", attempt="1", note="\u2028 <script> \n")
    with pytest.raises(LabError, match="is going on in another process"):
        journal.Journal("run")
    first.close()
    with journal.journal_file("run").open("a") as file:
        file.write('{"id":"half' + "x" * 100_000)
    second = journal.Journal("run")
    other = second.add("begin", attempt="2")
    second.close()
    assert journal.entries("run") == [kept, other]
    with pytest.raises(LabError, match="there is no run 'other'"):
        journal.entries("other")
