"""The Graph under construction: tensors and operators so far, and what a reader asks to have added (`Target`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot.importer.place import Place
from msf_riot.importer.view import View
from msf_riot.ir import Interface, Operator, Quantization, Tensor

Element: TypeAlias = Literal["float32", "int8", "uint8", "int32", "int64"]
"""Of a tensor in the file; int32 and int64 are numbers of channels, of ArgMax."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """A whole int8 tensor of the Graph under way, seen as the file sees it; zero points are those of int8."""

    tensor: str
    view: View
    element: Element
    quantization: Quantization


@dataclass(eq=False)
class Draft:
    """The Graph so far: what reading emits into."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    done: dict[tuple[int, Quantization], tuple[object, Quantized]] = field(default_factory=dict)

    def once(self, real: object, quantization: Quantization, emit: Callable[[], Quantized]) -> Quantized:
        """What `emit` gives, or gave before: a value quantized for several readers is computed once."""
        key = id(real), quantization
        if key not in self.done:
            self.done[key] = real, emit()  # holding `real` keeps its id its own
        return self.done[key][1]

    def unique(self, name: str) -> str:
        """A name not used before."""
        candidate, count = name, 1
        while candidate in self.taken:
            count += 1
            candidate = f"{name}_{count}"
        self.taken.add(candidate)
        return candidate


@dataclass(frozen=True, eq=False)
class Target:
    """What the file wants a result to be: quantization, clamp, and the name of the file's tensor that it will equal."""

    draft: Draft
    name: str
    quantization: Quantization
    element: Element = "int8"
    low: int = -128
    high: int = 127
    origin: bool = True

    @property
    def clamps(self) -> bool:
        """Whether the result is limited to less than int8."""
        return (self.low, self.high) != (-128, 127)

    def inner(self, suffix: str, quantization: Quantization | None = None) -> Target:
        """A target for a tensor that the file does not hold, not clamped."""
        kept = quantization or self.quantization
        return Target(self.draft, f"{self.name}_{suffix}", kept, self.element, origin=False)

    def clamped(self, low: float, high: float) -> Target:
        """Limited further, to real values; rounding first and clamping then is the same."""
        low_code, high_code = (int(quantize(np.float32(v), self.quantization)) for v in (low, high))
        return dataclasses.replace(
            self, low=min(max(self.low, low_code), self.high), high=max(min(self.high, high_code), self.low)
        )

    def emit(
        self, place: Place, kind: type[Operator], inputs: Sequence[Quantized], view: View, **fields: object
    ) -> Quantized:
        """Adds the operator and its output tensor."""
        name = self.draft.unique(self.name)
        origin = None
        if self.origin and view.bound and view.whole:
            origin = Interface(self.name, view.shape, self.element, view.memory_axes)
        self.draft.tensors[name] = Tensor(name, *view.hwc, self.quantization, origin)
        fields = {"low": self.low, "high": self.high, **fields}
        called = self.draft.unique(f"{place.name}:").removesuffix(":")  # names of operators and tensors are apart
        self.draft.operators.append(
            kind(name=called, inputs=tuple(i.tensor for i in inputs), output=name, **fields)  # type: ignore[arg-type]
        )
        return Quantized(name, view, self.element, self.quantization)


def add_input(draft: Draft, name: str, view: View, element: Element, quantization: Quantization) -> None:
    """Puts the graph's input tensor into the draft."""
    origin = Interface(name, view.shape, element, view.memory_axes) if view.bound else None
    height, width, channels = view.hwc
    draft.tensors[name] = Tensor(name, height, width, channels, quantization, origin)
    draft.taken.add(name)


def quantize(real: npt.ArrayLike, quantization: Quantization) -> npt.NDArray[np.int32]:
    """float32 -> int8 codes (as int32) as ONNX quantizes: divide in float32, round half to even, saturate."""
    with np.errstate(all="ignore"):
        scaled = np.rint(np.asarray(real, np.float32) / np.float32(quantization.scale))
    codes = np.clip(np.nan_to_num(scaled, posinf=1e9, neginf=-1e9) + quantization.zero_point, -128, 127)
    return np.asarray(codes, np.int32)
