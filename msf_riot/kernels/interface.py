"""What a set of kernels tells the planner and the generator: the whole of it, in one class.

A set is a file of this folder, or a folder, with a KernelSet called SET; its name is the file's. Adding one is told in
CONTRIBUTING.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from msf_riot.ir import Graph, Operator, Tensor


@dataclass(frozen=True, eq=False)
class Array:
    """A constant array of weights.c; `name` is without the model's prefix."""

    name: str
    ctype: str
    values: npt.NDArray[np.generic]
    comment: str


@dataclass(frozen=True, eq=False)
class Constants:
    """What a kernel call takes as its `op`: a struct type, its fields in order, and the arrays they point to."""

    ctype: str | None
    fields: tuple[tuple[str, str], ...]
    arrays: tuple[Array, ...]


@dataclass(frozen=True)
class Source:
    """Where a kernel call finds one input.

    `pixels` points to the first pixel; `taps` is the array of row pointers of a window, whose segment is `width` pixels
    wide and whose first tap is at column `x`. `first` is the column that the segment begins with, `row` the number of
    the output row.
    """

    pixels: str = ""
    taps: str = ""
    width: str = ""
    x: str = ""
    first: str = "0"
    columns: str = ""
    row: str = "y"


@dataclass(frozen=True)
class Call:
    """One place in the generated code that calls an operator's kernel; all texts are C.

    The operator's constants are a struct called `name`, their arrays begin with `prefix`. `pixels` output pixels are
    made at `out`, a vector is one pixel; `scratch` points to as many bytes as the set has asked for.
    """

    name: str
    prefix: str
    sources: tuple[Source, ...]
    out: str
    pixels: str
    scratch: str


class KernelSet(ABC):
    """Kernels for one kind of core. What a set does not take, the set for any core computes in its place."""

    extensions: frozenset[str]
    """What a board must have, as `extensions` in boards.yaml names it."""

    cores: str
    """In words, for messages: the cores that have them."""

    preference: int
    """Of the sets that a board can run, it runs the one with the highest."""

    headers: tuple[str, ...]
    """What generated code includes for it."""

    packages: tuple[str, ...]
    """The RIOT packages that bring its kernels."""

    choices: tuple[tuple[int, int], ...]
    """(pixels that the operators of a group pass on at a time, pixels of them that a convolution computes together):
    more take more RAM and fewer instructions."""

    @abstractmethod
    def takes(self, graph: Graph, operator: Operator) -> bool:
        """Whether the set has a kernel that computes this operator exactly."""

    @abstractmethod
    def scratch_bytes(self, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> int:
        """RAM that one call for up to `pixels` output pixels needs beside its input and output, exactly."""

    @abstractmethod
    def instructions_per_pixel(self, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> float | None:
        """Estimate for an output (of a reduction: input) pixel in calls for `pixels` of them; None without a kernel."""

    @abstractmethod
    def constants(
        self, graph: Graph, operator: Operator, name: str, prefix: str, tile: int, pixels: int | None
    ) -> Constants:
        """The constants of an operator called `name` in a model whose symbols begin with `prefix`.

        A convolution computes up to `tile` pixels together, a call up to `pixels`; None: a row.
        """

    @abstractmethod
    def call(self, graph: Graph, operator: Operator, constants: Constants, call: Call) -> list[str]:
        """The C statements that compute the operator once."""
