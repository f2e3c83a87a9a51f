"""A model as a user names it, and what is to be made of it -> Graph: the same for every command that runs one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from msf_riot import importer, passes, zoo
from msf_riot.codegen.names import checked_name
from msf_riot.errors import ModelError
from msf_riot.importer.labels import with_labels
from msf_riot.ir import Graph

Pixels: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""(mean, deviation) where the input are to be pixels of 0 to 255, see `passes.with_pixels`.

Both empty: what the model's file says, or else 0 and 1.
"""


def read_pixels(
    given: Callable[[str, str], str | None], variable: Callable[[str], str], *, numbers_alone: bool = False
) -> Pixels | None:
    """What a user said: given(name, "") of input_pixels, mean and deviation; variable(name) is how the user says it.

    `numbers_alone` allows a mean and a deviation for something else than pixels. Raises ModelError.
    """
    element = given("input_pixels", "") or ""
    if element not in ("", "uint8"):
        raise ModelError(f"{variable('input_pixels')} {element}: pixels are uint8")
    numbers = read_normalization(given, variable)
    if element:
        return numbers or ((), ())
    if numbers and not numbers_alone:
        raise ModelError(f"{variable('mean')} needs {variable('input_pixels')} uint8")
    return None


def read_normalization(given: Callable[[str, str], str | None], variable: Callable[[str], str]) -> Pixels | None:
    """Mean and deviation alone; None where neither is given. Raises ModelError."""
    mean, deviation = (given(name, "") or "" for name in ("mean", "deviation"))
    if bool(mean) != bool(deviation):
        raise ModelError(f"{variable('mean')} and {variable('deviation')} belong together")
    return (_numbers(mean, variable("mean")), _numbers(deviation, variable("deviation"))) if mean else None


def _numbers(text: str, name: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ModelError(f"{name}: '{text}' are no numbers with commas between") from None


@dataclass(frozen=True)
class ModelSource:
    """A file's path or zoo:NAME; `name` replaces the model's own, `labels` is a file with those of the classes."""

    model: str
    keep_constant_channels: bool = False
    name: str | None = None
    labels: Path | None = None
    pixels: Pixels | None = None

    def graph(self) -> Graph:
        """Imports the model; channels that never change are folded away unless they are to be kept. Raises MsfError."""
        name = None if self.name is None else checked_name(self.name)
        graph = importer.import_model(zoo.resolve(self.model))
        if not self.keep_constant_channels:
            graph, _ = passes.fold_constant_channels(graph)
        if self.pixels is not None:
            mean, deviation = self.pixels if self.pixels[0] else graph.pixels or ((0.0,), (1.0,))
            graph = passes.with_pixels(graph, mean, deviation)
        if self.labels is not None:
            graph = with_labels(graph, self.labels)
        return graph if name is None else dataclasses.replace(graph, name=name)
