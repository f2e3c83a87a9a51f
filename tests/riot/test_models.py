"""Generated packages of real networks under RIOT: run where they fit QEMU's boards, built for larger ones."""

import pytest

from msf_riot import boards, reference, verify
from msf_riot.build import build, check_fits
from msf_riot.errors import DoesNotFitError
from msf_riot.places import ROOT
from msf_riot.source import ModelSource

pytestmark = [pytest.mark.riot, pytest.mark.cross]

APPLICATION = ROOT / "apps" / "selftest"


@pytest.mark.parametrize(
    "name", ["microbit", *(pytest.param(name, marks=pytest.mark.long) for name in ("native64", "hifive1b"))]
)
def test_a_network_for_16_kib_matches_the_reference(riot, emulated, name):
    emulated(name)
    found = verify.verify(ModelSource("zoo:tiny-vww"), name, progress=lambda message: None).as_json()
    assert found["match"] is True
    assert found["microseconds"] > 0 and 0 < found["stack_bytes"] < boards.load(name).stack_bytes


@pytest.mark.parametrize("name", ["nrf52840dk", pytest.param("nucleo-f767zi", marks=pytest.mark.long)])
def test_a_build_takes_what_the_schedule_says(riot, tmp_path, name):
    board = boards.load(name)
    schedule = verify.make_schedule(ModelSource("zoo:mcunet-vww1"), None, board)
    inputs = verify.default_inputs(schedule.graph)[:1]
    verify.generate(schedule, inputs, tmp_path / "packages")
    needs = verify.needs(schedule, len(inputs))
    check_fits(board, **needs)
    ready = build(board, APPLICATION, tmp_path / "packages", tmp_path / "build", jobs=2)
    assert ready.arena_bytes == schedule.arena_bytes
    assert ready.ram_bytes == pytest.approx(board.overhead.ram_bytes + needs["ram_bytes"], abs=256)
    vectors = len(inputs) * (schedule.input_bytes + schedule.output_bytes)
    assert ready.weights_bytes + vectors >= needs["flash_bytes"]
    code = ready.flash_bytes - board.overhead.flash_bytes - ready.weights_bytes - vectors
    assert 0 < code < 32_000


def test_a_network_that_cannot_fit_is_refused_before_anything_is_built(riot, monkeypatch):
    monkeypatch.setattr(reference, "execute", None)
    with pytest.raises(DoesNotFitError, match="microbit") as error:
        verify.verify(ModelSource("zoo:mcunet-vww2"), "microbit", progress=lambda message: None)
    assert "16384" in str(error.value)
