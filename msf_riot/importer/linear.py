"""Conv, Gemm and MatMul between their quantizers: integer weights, real bias, one factor an output channel.

Weights that leave int8 once their zero point is removed are split into int8 addends; the input is joined to itself
once for each, so the sum is the same exactly.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.place import Place
from msf_riot.importer.requantize import requantizations
from msf_riot.importer.values import Array, Constant, Leaf, Real
from msf_riot.importer.view import MAX_ELEMENTS, View, make_view
from msf_riot.importer.window import Window
from msf_riot.ir import Concat, Conv2D, Dense, DepthwiseConv2D, Int32Array, Pair, TransposedConv2D

_INT32 = (1 << 31) - 1

CLIPPED = (
    "the bias of output channel {} was clipped at the end of int32 when the model was quantized, so the model itself "
    "is wrong: quantize it again with a newer version of the quantizer, or per tensor instead of per channel"
)


@dataclass(frozen=True, eq=False)
class Linear(Real):
    """weights int32 [O, kh, kw, I / groups], zero point removed, for a window; [O, H, W, C] where `window` is None.

    With `upsampling` it is a TransposedConv2D.
    """

    source: Leaf
    weights: Int32Array
    weight_scale: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    window: Window | None = None
    groups: int = 1
    upsampling: Pair | None = None

    def scaled(self, place: Place, factor: Array, offset: Array) -> Real:
        """Factors go into scale and sign of the weights, offsets into the bias."""
        count = self.weights.shape[0]
        factors = np.broadcast_to(factor.astype(np.float64).reshape(-1), (count,))
        signs = np.sign(factors).astype(np.int32)
        return dataclasses.replace(
            self,
            weights=self.weights * signs[:, None, None, None],
            weight_scale=np.where(factors == 0, 1.0, self.weight_scale * np.abs(factors)),
            bias=self.bias * factors + offset.astype(np.float64).reshape(-1),
        )

    def quantize(self, target: Target) -> Quantized:
        """As `emit_linear`."""
        source = self.source.source
        scale, bias = self._steps(source.quantization.scale)
        multiplier, shift = requantizations(scale / target.quantization.scale)
        fields: dict[str, object] = {"bias": bias, "multiplier": multiplier, "shift": shift}
        if self.upsampling is not None:
            fields["upsampling"] = self.upsampling
        return emit_linear(self.place, target, source, self.view, self.weights, self.window, self.groups, fields)

    def _steps(self, input_scale: float) -> tuple[npt.NDArray[np.float64], Int32Array]:
        """(real value of one step of the accumulator, bias in such steps), for each output channel."""
        scale = input_scale * self.weight_scale
        silent = ~self.weights.any(axis=(1, 2, 3))
        scale = np.where(silent & (np.abs(self.bias) > scale * 2**20), np.abs(self.bias) / 2**20, scale)
        steps = np.rint(self.bias / scale)
        if (clipped := np.isin(steps, (_INT32, -_INT32 - 1))).any():
            raise self.place.unsupported(CLIPPED.format(int(np.argmax(clipped))))
        reach = np.abs(steps) + 255.0 * np.abs(self.weights).astype(np.float64).sum(axis=(1, 2, 3))
        if not (reach <= _INT32).all():
            channel = int(np.argmax(~(reach <= _INT32)))
            raise self.place.unsupported(
                f"output channel {channel} can reach {reach[channel]:.0f} in its accumulator, beyond int32"
            )
        return scale, steps.astype(np.int32)


def emit_linear(
    place: Place,
    target: Target,
    source: Quantized,
    view: View,
    weights: Int32Array,
    window: Window | None,
    groups: int,
    fields: dict[str, object],
) -> Quantized:
    """One Conv2D, DepthwiseConv2D, Dense or, with `upsampling` among the fields, TransposedConv2D.

    Before it a Concat where weights are split.
    weights int32 [O, kh, kw, I / groups], zero point removed, for a window; [O, H, W, C] without one. `fields` are the
    operator's others: bias, multiplier, shift.
    """
    filters, groups, copies = _int8_weights(place, weights, groups)
    if copies > 1:
        source = _repeated(place, source, copies, target)
    if window is None:
        return target.emit(place, Dense, [source], view, weights=filters.reshape(filters.shape[0], -1), **fields)
    if "upsampling" in fields:
        fields = fields | {"dilation": window.dilation, "padding": window.padding, "groups": groups}
        return target.emit(place, TransposedConv2D, [source], view, weights=filters, **fields)
    fields = fields | {name: getattr(window, name) for name in ("stride", "dilation", "padding")}
    if groups > 1 and filters.shape[3] == 1 and filters.shape[0] == groups:
        by_channel = np.ascontiguousarray(filters[..., 0].transpose(1, 2, 0))
        return target.emit(place, DepthwiseConv2D, [source], view, weights=by_channel, **fields)
    return target.emit(place, Conv2D, [source], view, weights=filters, groups=groups, **fields)


def _int8_weights(place: Place, weights: Int32Array, groups: int) -> tuple[npt.NDArray[np.int8], int, int]:
    """(weights int8, groups, copies of the input they are for)."""
    low, high = int(weights.min()), int(weights.max())
    copies = next(n for n in range(1, 1 << 20) if -128 * n <= low and high <= 127 * n)
    if copies == 1:
        return weights.astype(np.int8), groups, 1
    weights = weights if groups == 1 else _ungrouped(place, weights, groups)
    parts = [(weights + i) // copies for i in range(copies)]  # Hermite's identity: they add up to the weights
    return np.concatenate(parts, axis=3).astype(np.int8), 1, copies


def _ungrouped(place: Place, weights: Int32Array, groups: int) -> Int32Array:
    """The same convolution over all input channels, zero where a channel is of another group."""
    count, height, width, depth = weights.shape
    if weights.size * groups > MAX_ELEMENTS:
        raise place.unsupported(
            "grouped weights beyond int8 would grow too large; quantize weights symmetrically, int8"
        )
    whole = np.zeros((count, height, width, depth * groups), np.int32)
    each = count // groups
    for group in range(groups):
        rows = slice(group * each, (group + 1) * each)
        whole[rows, :, :, group * depth : (group + 1) * depth] = weights[rows]
    return whole


def _repeated(place: Place, source: Quantized, copies: int, target: Target) -> Quantized:
    """The input joined to itself along the channels."""
    height, width, channels = source.view.hwc
    view = make_view(place, [[("H", height)], [("W", width)], [("C", channels * copies)]])
    return target.inner("repeated", source.quantization).emit(place, Concat, [source] * copies, view)


def integer_weights(place: Place, weights: Constant, output_axis: int) -> tuple[Int32Array, npt.NDArray[np.float64]]:
    """(int32 weights with the zero point removed, [output_axis first] scale of each output channel).

    Raises UnsupportedModelError where the weights are float or their scales vary along another axis.
    """
    codes = weights.codes
    if codes is None:
        raise place.unsupported("its weights are float; quantize them (DequantizeLinear over int8 weights)")
    if codes.integers.dtype not in (np.int8, np.uint8):
        raise place.unsupported(f"weights of {codes.integers.dtype} are not supported, only int8 and uint8")
    if codes.integers.size == 0 or codes.integers.size > MAX_ELEMENTS:
        raise place.unsupported(f"{codes.integers.size} weights cannot be run")
    if codes.integers.ndim <= output_axis:
        raise place.unsupported(f"its weights of shape {list(codes.integers.shape)} have no axis of output channels")
    integers = np.moveaxis(codes.integers.astype(np.int32) - codes.zero_point.astype(np.int32), output_axis, 0)
    scales = np.moveaxis(codes.scale, output_axis, 0).reshape(integers.shape[0], -1)
    if (scales != scales[:, :1]).any():
        raise place.unsupported("its weights have several scales within one output channel")
    return integers, scales[:, 0].astype(np.float64)


def real_bias(place: Place, bias: Constant | None, scale: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The bias in float64; `scale` is that of the accumulator. Integers quantized with it are taken as they are."""
    if bias is None:
        return np.zeros(scale.size)
    if bias.array.size not in (1, scale.size):
        raise place.unsupported(f"{bias.array.size} bias values for {scale.size} output channels")
    if bias.codes is None:
        values = bias.array.astype(np.float64).reshape(-1)
    else:
        own = bias.codes.scale.reshape(-1)
        same = np.isclose(own, scale, rtol=1e-5, atol=0.0)
        steps = (bias.codes.integers.astype(np.float64) - bias.codes.zero_point).reshape(-1)
        values = steps * np.where(same, scale, own)
    if not np.isfinite(values).all():
        raise place.unsupported("its bias holds values that are not finite")
    return np.broadcast_to(values, scale.shape).astype(np.float64)


def dense_order(place: Place, source: Leaf, weights: Int32Array, dim: int) -> Int32Array:
    """[O, K] with K as dimension `dim` of the source runs over the tensor -> [O, H, W, C]."""
    axes = source.view.dims[dim]
    order = [axis.name for axis in axes]
    rest = [name for name in "HWC" if name not in order]
    sizes = [1] * len(rest) + [axis.size for axis in axes]
    stored = weights.reshape(weights.shape[0], *sizes)
    places = [1 + (rest + order).index(name) for name in "HWC"]
    return np.ascontiguousarray(stored.transpose(0, *places))
