"""Convolutions and FULLY_CONNECTED: int8 or uint8 weights, int32 bias, products rounded twice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.linear import emit_linear
from msf_riot.importer.tflite.fixed_point import quantized_multiplier
from msf_riot.importer.tflite.reading import FileTensor, Operation
from msf_riot.importer.tflite.registry import Import, Value, reads
from msf_riot.importer.tflite.windows import image, image_view, window
from msf_riot.importer.values import Array
from msf_riot.importer.view import make_view
from msf_riot.importer.window import Window
from msf_riot.ir import Int32Array, Padding

INT32_LIMIT = 1 << 31


@reads("CONV_2D")
def convolution(operation: Operation, reading: Import) -> Value:
    """Weights [O, kernel_h, kernel_w, I / groups]."""
    source = reading.activation(operation, 0)
    view = image(operation, source)
    weights, tensor = _weights(operation, reading, 4)
    dilation = (operation.option("DilationHFactor", 1), operation.option("DilationWFactor", 1))
    found = window(operation, view, (weights.shape[1], weights.shape[2]), dilation)
    channels, outputs = view.hwc[2], weights.shape[0]
    if channels % weights.shape[3] or outputs % (channels // weights.shape[3]):
        raise operation.unsupported(f"weights {list(weights.shape)} do not suit {channels} channels")
    groups = channels // weights.shape[3]
    target = reading.target(operation)
    fields = _fields(operation, reading, source, weights, tensor, target, axis=0)
    result = image_view(operation, *found.output, outputs)
    return emit_linear(operation, target, source, result, weights, found, groups, fields)


@reads("DEPTHWISE_CONV_2D")
def depthwise(operation: Operation, reading: Import) -> Value:
    """Weights [1, kernel_h, kernel_w, channels * depth multiplier]."""
    source = reading.activation(operation, 0)
    view = image(operation, source)
    stored, tensor = _weights(operation, reading, 4)
    channels, outputs = view.hwc[2], stored.shape[3]
    if stored.shape[0] != 1 or outputs % channels:
        raise operation.unsupported(f"weights {list(stored.shape)} do not suit {channels} channels")
    weights = np.ascontiguousarray(stored.transpose(3, 1, 2, 0))
    dilation = (operation.option("DilationHFactor", 1), operation.option("DilationWFactor", 1))
    found = window(operation, view, (weights.shape[1], weights.shape[2]), dilation)
    target = reading.target(operation)
    fields = _fields(operation, reading, source, weights, tensor, target, axis=3)
    result = image_view(operation, *found.output, outputs)
    return emit_linear(operation, target, source, result, weights, found, channels, fields)


@reads("FULLY_CONNECTED")
def fully_connected(operation: Operation, reading: Import) -> Value:
    """Weights [O, K]: all elements of the input, or the channels of each pixel where K is as many."""
    source = reading.activation(operation, 0)
    if operation.option("WeightsFormat") != 0:
        raise operation.unsupported("its weights are shuffled; convert the model without that")
    stored, tensor = _weights(operation, reading, 2)
    outputs, depth = stored.shape
    count = int(np.prod(source.view.shape))
    target = reading.target(operation)
    shape = reading.output(operation).shape
    if depth == count:
        weights = stored.reshape(outputs, *source.view.hwc)
        fields = _fields(operation, reading, source, weights, tensor, target, axis=0, once=True)
        dims: list[list[tuple[str, int]]] = [[] for _ in shape[:-1]] + [[("C", outputs)]]
        return emit_linear(operation, target, source, make_view(operation, dims), weights, None, 1, fields)
    if count % depth or source.view.shape[-1] != depth or not source.view.bound:
        raise operation.unsupported(f"weights {list(stored.shape)} do not suit an input of {list(source.view.shape)}")
    if source.view.names(len(source.view.shape) - 1) not in ("", "C") or source.view.hwc[2] != depth:
        raise operation.unsupported("runs over rows or columns; only over the channels of each pixel is supported")
    height, width, _ = source.view.hwc
    found = Window((1, 1), (1, 1), (1, 1), Padding(), (height, width))
    weights = stored[:, None, None, :]
    fields = _fields(operation, reading, source, weights, tensor, target, axis=0, once=True)
    sizes = {"H": height, "W": width, "C": outputs}
    before = [[(axis.name, sizes[axis.name]) for axis in dim] for dim in source.view.dims[:-1]]
    kept = operation.option("KeepNumDims", False)
    dims = [*before, [("C", outputs)]] if kept else [[pair for dim in before for pair in dim], [("C", outputs)]]
    return emit_linear(operation, target, source, make_view(operation, dims), weights, found, 1, fields)


def _weights(operation: Operation, reading: Import, rank: int) -> tuple[Int32Array, FileTensor]:
    """(weights less their zero point, int32, as the file has them, and their tensor)."""
    stored = reading.constant(operation, 1, "weights")
    tensor = reading.tensor(operation, 1)
    assert tensor is not None
    if stored.dtype not in (np.int8, np.uint8) or tensor.scales.size == 0:
        raise operation.unsupported(f"its weights are {tensor.type}; only int8 and uint8 are supported")
    if stored.ndim != rank:
        raise operation.unsupported(f"its weights have {stored.ndim} dimensions; {rank} are supported")
    zeros = tensor.zero_points
    if stored.dtype == np.int8:
        if zeros.any():
            raise operation.unsupported("its int8 weights have a zero point other than 0")
        return stored.astype(np.int32), tensor
    if zeros.size != 1:
        raise operation.unsupported("its uint8 weights must have one zero point")
    return stored.astype(np.int32) - np.int32(zeros[0]), tensor


def _fields(
    operation: Operation,
    reading: Import,
    source: Quantized,
    weights: Int32Array,
    tensor: FileTensor,
    target: Target,
    axis: int,
    once: bool = False,
) -> dict[str, object]:
    """Bias, multipliers and shifts of weights [O, ...]; `axis` is that of the output channels in the file."""
    outputs = weights.shape[0]
    scales = tensor.scales
    if scales.size not in (1, outputs) or (scales.size > 1 and tensor.axis != axis):
        raise operation.unsupported(f"{scales.size} scales along axis {tensor.axis} for {outputs} output channels")
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise operation.unsupported("every scale must be a float above 0")
    multiplier, shift = _multipliers(source, scales, target)
    bias = _bias(operation, reading, outputs)
    reach = np.abs(bias.astype(np.int64)) + 255 * np.abs(weights.astype(np.int64)).reshape(outputs, -1).sum(axis=1)
    if (reach >= INT32_LIMIT).any():
        channel = int(np.argmax(reach))
        raise operation.unsupported(
            f"output channel {channel} can reach {reach[channel]} in its accumulator, beyond int32"
        )
    fields: dict[str, object] = {
        "bias": bias,
        "multiplier": np.broadcast_to(multiplier, (outputs,)).astype(np.int32),
        "shift": np.broadcast_to(shift, (outputs,)).astype(np.int32),
    }
    return fields if once else fields | {"rounding": "twice"}


def _multipliers(source: Quantized, scales: npt.NDArray[np.float32], target: Target) -> tuple[Array, Array]:
    """As TensorFlow Lite computes them: in float64, but uint8's product of two scales in float32."""
    given, wanted = source.quantization.scale, target.quantization.scale
    if source.element == "uint8":
        reals = [float(np.float32(given) * scale) / wanted for scale in scales]
    else:
        reals = [given * float(scale) / wanted for scale in scales]
    pairs = [quantized_multiplier(real) for real in reals]
    return np.array([m for m, _ in pairs]), np.array([31 - e for _, e in pairs])


def _bias(operation: Operation, reading: Import, outputs: int) -> Int32Array:
    if reading.tensor(operation, 2) is None:
        return np.zeros(outputs, np.int32)
    bias = reading.constant(operation, 2, "bias")
    if bias.dtype != np.int32 or bias.size != outputs:
        raise operation.unsupported(
            f"its bias is {bias.dtype} with {bias.size} values; int32 with {outputs} is supported"
        )
    return np.ascontiguousarray(bias.reshape(-1).astype(np.int32))
