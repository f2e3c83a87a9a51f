"""What an ONNX name stands for while the graph is read: a constant, a quantized activation, or a real one.

A *real* value lives between DequantizeLinear and QuantizeLinear. It is never computed: it remembers what it is made
of, and the QuantizeLinear that ends it asks it to emit integer operators (`Real.quantize`). This is the whole QDQ
matching. A *view* tells how the ONNX axes of a value lie in the HWC tensor, so Transpose and Reshape cost nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot.importer.reading import Array, Node
from msf_riot.ir import Interface, Lookup, Operator, Quantization, Tensor

Element: TypeAlias = Literal["float32", "int8", "uint8"]
FloatArray: TypeAlias = npt.NDArray[np.float32]

MAX_AXIS = 65535
MAX_ELEMENTS = 1 << 27


class Axis(NamedTuple):
    """An axis longer than 1: 'H', 'W' or 'C', or '0', '1.0', ... of a graph input whose layout is not known yet."""

    name: str
    size: int


class InputLayout(NamedTuple):
    """The axes of the graph input, longer than 1, in ONNX memory order: which of H, W, C each is."""

    axes: tuple[Axis, ...]


class LayoutFound(Exception):  # noqa: N818 - it is no error
    """An operator said how the graph input lies; reading starts again with that knowledge."""

    def __init__(self, layout: InputLayout, certain: bool) -> None:
        """`layout`: what was found; `certain` where nothing else would make sense."""
        super().__init__()
        self.layout = layout
        self.certain = certain


@dataclass(frozen=True)
class View:
    """ONNX shape and, for each ONNX axis, the tensor axes longer than 1 that it runs over, slowest first."""

    shape: tuple[int, ...]
    dims: tuple[tuple[Axis, ...], ...]

    @property
    def flat(self) -> tuple[Axis, ...]:
        """All axes longer than 1 in ONNX memory order."""
        return tuple(axis for dim in self.dims for axis in dim)

    @property
    def bound(self) -> bool:
        """Whether the axes are known to be H, W and C."""
        return all(axis.name in "HWC" for axis in self.flat)

    @property
    def hwc(self) -> tuple[int, int, int]:
        """(height, width, channels) of the tensor."""
        sizes = {axis.name: axis.size for axis in self.flat}
        return sizes.get("H", 1), sizes.get("W", 1), sizes.get("C", 1)

    @property
    def memory_axes(self) -> tuple[int, int, int]:
        """`Interface.axes`."""
        order = [axis.name for axis in self.flat]
        rest = [name for name in "CHW" if name not in order]
        first, second, third = ("HWC".index(name) for name in rest + order)
        return first, second, third

    def names(self, dim: int) -> str:
        """The axes an ONNX dimension runs over as text: '', 'C', 'HW', ..."""
        return "".join(axis.name for axis in self.dims[dim])


def make_view(node: Node, dims: Sequence[Sequence[tuple[str, int]]]) -> View:
    """A View from named sizes; axes of size 1 are left out. Raises for absurd sizes."""
    for dim in dims:
        for _, size in dim:
            if not 1 <= size <= MAX_AXIS:
                raise node.unsupported(f"an axis of its output has {size} elements; 1 to {MAX_AXIS} are supported")
    view = View(
        tuple(math.prod(size for _, size in dim) for dim in dims),
        tuple(tuple(Axis(name, size) for name, size in dim if size > 1) for dim in dims),
    )
    if math.prod(view.shape) > MAX_ELEMENTS:
        raise node.unsupported(f"its output has {math.prod(view.shape)} elements, more than any device holds")
    return view


def bind(node: Node, view: View, wanted: Sequence[str], certain: bool = False) -> View:
    """The view itself where its layout is known; otherwise reading restarts with `wanted`, one letter a dimension.

    A dimension of size 1 takes no letter. Raises UnsupportedModelError where the axes cannot be so.
    """
    if view.bound:
        return view
    letters: dict[str, str] = {}
    for dim, letter in zip(view.dims, wanted, strict=True):
        if len(dim) > 1 or (dim and letter not in ("H", "W", "C")):
            raise node.unsupported("its input has more than height, width and channels, or a batch that is not 1")
        if dim:
            letters[dim[0].name] = letter
    if len(set(letters.values())) < len(letters):
        raise node.unsupported("its input has more than height, width and channels")
    order = sorted(view.flat, key=lambda axis: [int(part) for part in axis.name.split(".")])
    raise LayoutFound(InputLayout(tuple(Axis(letters[axis.name], axis.size) for axis in order)), certain)


@dataclass(frozen=True, eq=False)
class Codes:
    """Integers behind a constant; scale and zero point are broadcast to the shape of the integers."""

    integers: Array
    scale: npt.NDArray[np.float64]
    zero_point: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Constant:
    """A value known now; `codes` where it came through DequantizeLinear."""

    array: Array
    codes: Codes | None = None

    def moved(self, move: Callable[[Array], Array]) -> Constant:
        """The same after something that only moves data."""
        codes = self.codes
        if codes is not None:
            codes = Codes(move(codes.integers), move(codes.scale), move(codes.zero_point))
        return Constant(move(self.array), codes)


@dataclass(frozen=True, eq=False)
class Quantized:
    """A whole int8 tensor of the Graph under way, seen as ONNX sees it; zero points are those of int8."""

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
    done: dict[tuple[int, Quantization], tuple[Real, Quantized]] = field(default_factory=dict)

    def once(self, real: Real, quantization: Quantization, emit: Callable[[], Quantized]) -> Quantized:
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
    """What a QuantizeLinear wants: quantization, clamp and the ONNX name that the result will equal (or None)."""

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
        """A target for a tensor that the ONNX file does not hold, not clamped."""
        kept = quantization or self.quantization
        return Target(self.draft, f"{self.name}_{suffix}", kept, self.element, origin=False)

    def clamped(self, low: float, high: float) -> Target:
        """Limited further, to real values; rounding first and clamping then is the same."""
        low_code, high_code = (int(quantize(np.float32(v), self.quantization)) for v in (low, high))
        return dataclasses.replace(
            self, low=min(max(self.low, low_code), self.high), high=max(min(self.high, high_code), self.low)
        )

    def emit(
        self, node: Node, kind: type[Operator], inputs: Sequence[Quantized], view: View, **fields: object
    ) -> Quantized:
        """Adds the operator and its output tensor."""
        name = self.draft.unique(self.name)
        origin = None
        if self.origin and view.bound:
            origin = Interface(self.name, view.shape, self.element, view.memory_axes)
        self.draft.tensors[name] = Tensor(name, *view.hwc, self.quantization, origin)
        fields = {"low": self.low, "high": self.high, **fields}
        called = self.draft.unique(f"{node.name}:").removesuffix(":")  # names of operators and tensors are apart
        self.draft.operators.append(
            kind(name=called, inputs=tuple(i.tensor for i in inputs), output=name, **fields)  # type: ignore[arg-type]
        )
        return Quantized(name, view, self.element, self.quantization)


@dataclass(frozen=True, eq=False)
class Real:
    """A float activation that was never computed; `node` is what would compute it."""

    node: Node
    view: View

    def quantize(self, target: Target) -> Quantized:
        """Emits what computes `target` from the activations below."""
        raise self.node.unsupported("float in the middle: no QuantizeLinear follows it directly")

    def leaf(self, draft: Draft) -> Leaf:
        """This value as an activation, where it is exactly one. Raises UnsupportedModelError elsewhere."""
        raise self.node.unsupported(
            "float in the middle: its result is used in float; put QuantizeLinear and DequantizeLinear behind it"
        )

    def scaled(self, node: Node, factor: Array, offset: Array) -> Real:
        """factor * self + offset, [channels] each. Raises UnsupportedModelError where a quantizer is needed before."""
        raise self.node.unsupported(f"float in the middle: {node.operator} '{node.name}' follows without a quantizer")

    def mapped(self, node: Node, function: Callable[[FloatArray], FloatArray]) -> Real:
        """function(self), element by element."""
        raise self.node.unsupported(f"float in the middle: {node.operator} '{node.name}' follows without a quantizer")

    def viewed(self, node: Node, view: View) -> Real:
        """The same elements seen through another view."""
        return dataclasses.replace(self, view=view)

    def limited(self, node: Node, low: float, high: float) -> Real:
        """Clamped to real values."""
        return Clamped(node, self.view, self, low, high)


@dataclass(frozen=True, eq=False)
class GraphInput(Real):
    """The float graph input before its QuantizeLinear."""

    name: str
    original: View

    def leaf(self, draft: Draft) -> Leaf:
        """No activation yet."""
        raise self.node.unsupported(
            "float in the middle: the float input is used without QuantizeLinear; quantize activations too, as "
            "'msf-riot quantize' does with the float model"
        )

    def quantize(self, target: Target) -> Quantized:
        """The graph's input tensor, made by the first quantizer; any other must agree with it."""
        if target.clamps:
            raise self.node.unsupported("the float graph input is changed before QuantizeLinear")
        known = target.draft.tensors.get(self.name)
        if known is not None and known.quantization != target.quantization:
            raise self.node.unsupported("the float graph input is quantized twice in different ways")
        add_input(target.draft, self.name, self.original, "float32", target.quantization)
        return Quantized(self.name, self.view, target.element, target.quantization)


def add_input(draft: Draft, name: str, view: View, element: Element, quantization: Quantization) -> None:
    """Puts the graph's input tensor into the draft."""
    origin = Interface(name, view.shape, element, view.memory_axes) if view.bound else None
    height, width, channels = view.hwc
    draft.tensors[name] = Tensor(name, height, width, channels, quantization, origin)
    draft.taken.add(name)


@dataclass(frozen=True, eq=False)
class Leaf(Real):
    """A dequantized activation."""

    source: Quantized

    def quantize(self, target: Target) -> Quantized:
        """The activation itself where the quantization stays; otherwise a table."""
        if self.source.quantization == target.quantization and not target.clamps:
            return dataclasses.replace(self.source, view=self.view, element=target.element)
        return self.table.quantize(target)

    def leaf(self, draft: Draft) -> Leaf:
        """Itself."""
        return self

    def mapped(self, node: Node, function: Callable[[FloatArray], FloatArray]) -> Real:
        """A table."""
        return self.table.mapped(node, function)

    @property
    def table(self) -> Mapped:
        """The activation as a function of itself."""
        given = self.source.quantization
        steps = np.arange(-128, 128, dtype=np.int32) - np.int32(given.zero_point)
        return Mapped(self.node, self.view, self, steps.astype(np.float32) * np.float32(given.scale))

    @property
    def activation(self) -> Quantized:
        """The activation as this view sees it."""
        return dataclasses.replace(self.source, view=self.view)


@dataclass(frozen=True, eq=False)
class Mapped(Real):
    """A function of one activation, element by element; `values` float32 [256] holds it for codes -128 to 127."""

    source: Leaf
    values: FloatArray

    def quantize(self, target: Target) -> Quantized:
        """One Lookup, computed in float32 as ONNX Runtime does."""
        if np.isnan(self.values).any():
            raise self.node.unsupported("gives NaN for some inputs")
        codes = np.clip(quantize(self.values, target.quantization), target.low, target.high)
        table = codes.astype(np.int8)
        identity = np.array_equal(table, np.arange(-128, 128))
        if identity and self.source.source.quantization == target.quantization:
            return dataclasses.replace(self.source.source, view=self.view, element=target.element)
        return target.emit(self.node, Lookup, [self.source.source], self.view, table=table, low=-128, high=127)

    def mapped(self, node: Node, function: Callable[[FloatArray], FloatArray]) -> Real:
        """Another step of the same table."""
        with np.errstate(all="ignore"):
            return Mapped(node, self.view, self.source, np.asarray(function(self.values), np.float32))


@dataclass(frozen=True, eq=False)
class Clamped(Real):
    """A real value limited to [low, high]."""

    source: Real
    low: float
    high: float

    def quantize(self, target: Target) -> Quantized:
        """The clamp goes into the operator below."""
        inner = self.source.viewed(self.node, self.view)
        return inner.quantize(target.clamped(self.low, self.high))

    def leaf(self, draft: Draft) -> Leaf:
        """A clamp at values that the quantization of the activation below holds exactly is an activation."""
        inner = self.source.leaf(draft)
        quantization = inner.source.quantization
        target = Target(draft, f"{self.node.name}_clamp", quantization, inner.source.element, origin=False)
        limits = [v for v in (self.low, self.high) if math.isfinite(v)]
        codes = [v / quantization.scale + quantization.zero_point for v in limits]
        if any(-128 < code < 127 and abs(code - round(code)) > 1e-5 for code in codes):
            return super().leaf(draft)
        result = Clamped(self.node, self.view, inner, self.low, self.high).quantize(target)
        return Leaf(self.node, self.view, result)

    def mapped(self, node: Node, function: Callable[[FloatArray], FloatArray]) -> Real:
        """Part of a table where an activation is below."""
        low, high = np.float32(self.low), np.float32(self.high)
        inner = self.source.mapped(self.node, lambda x: np.clip(x, low, high)).viewed(self.node, self.view)
        return inner.mapped(node, function)


Value: TypeAlias = Constant | Quantized | Real


def quantize(real: npt.ArrayLike, quantization: Quantization) -> npt.NDArray[np.int32]:
    """float32 -> int8 codes (as int32) as QuantizeLinear: divide in float32, round half to even, saturate."""
    with np.errstate(all="ignore"):
        scaled = np.rint(np.asarray(real, np.float32) / np.float32(quantization.scale))
    codes = np.clip(np.nan_to_num(scaled, posinf=1e9, neginf=-1e9) + quantization.zero_point, -128, 127)
    return np.asarray(codes, np.int32)


def real_of(node: Node, value: Value | None) -> Real:
    """The value as a real one; an integer activation is read through its own quantization."""
    match value:
        case Real():
            return value
        case Quantized():
            return Leaf(node, value.view, value)
        case _:
            raise node.unsupported("an input that must be an activation is a constant or absent")


def step_value(given: Value | None, code: float) -> float:
    """What a number beside an integer activation stands for: it counts in steps of the activation."""
    if not isinstance(given, Quantized):
        return code
    shift = 128 if given.element == "uint8" else 0
    return (code - shift - given.quantization.zero_point) * given.quantization.scale


def constant_of(node: Node, value: Value | None, what: str) -> Constant:
    """The value as a constant."""
    if not isinstance(value, Constant):
        raise node.unsupported(f"its {what} must be constant")
    return value


def quantization_of(node: Node, scale: Value | None, zero_point: Value | None) -> tuple[Quantization, Element]:
    """Per-tensor quantization of an activation from its ONNX scale and zero point; shifted where uint8."""
    if scale is None:
        raise node.unsupported("missing scale")
    real = constant_of(node, scale, "scale").array
    zero = np.zeros((), np.uint8) if zero_point is None else constant_of(node, zero_point, "zero point").array
    if real.size != 1 or zero.size != 1:
        raise node.unsupported("an activation must have one scale and one zero point for the whole tensor")
    value = float(real.reshape(()))
    if real.dtype not in (np.float32, np.float64) or not (math.isfinite(value) and value > 0):
        raise node.unsupported(f"scale {value} ({real.dtype}) must be a float above 0")
    if zero.dtype == np.uint8:
        return Quantization(value, int(zero.reshape(())) - 128), "uint8"
    if zero.dtype == np.int8:
        return Quantization(value, int(zero.reshape(()))), "int8"
    raise node.unsupported(f"activations of {zero.dtype} are not supported, only int8 and uint8")
