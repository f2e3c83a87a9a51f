"""Convolutions and FULLY_CONNECTED: int8 or uint8 weights, int32 bias, products rounded twice."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.linear import CLIPPED, emit_linear
from msf_riot.importer.tflite.fixed_point import quantized_multiplier
from msf_riot.importer.tflite.reading import FileTensor, Operation
from msf_riot.importer.tflite.registry import Batches, Import, Value, reads
from msf_riot.importer.tflite.windows import SAME, image, image_view, window
from msf_riot.importer.values import Array
from msf_riot.importer.view import make_view
from msf_riot.importer.window import Window
from msf_riot.ir import Int32Array, Padding, Pair

INT32_LIMIT = 1 << 31


@reads("CONV_2D", "DEPTHWISE_CONV_2D")
def convolution(operation: Operation, reading: Import) -> Value:
    """Weights [O, kernel_h, kernel_w, I / groups], depthwise [1, kernel_h, kernel_w, channels * depth multiplier]."""
    given = reading.value(operation, 0)
    if isinstance(given, Batches):
        if given.convolution is not None:
            raise operation.unsupported("is the second convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND")
        return dataclasses.replace(given, convolution=operation)
    source = reading.activation(operation, 0)
    view = image(operation, source)
    dilation = (operation.option("DilationHFactor", 1), operation.option("DilationWFactor", 1))
    kernel = reading.constant(operation, 1, "weights").shape[1:3]
    if len(kernel) != 2:
        raise operation.unsupported("its weights must have 4 dimensions")
    found = window(operation, view, (kernel[0], kernel[1]), dilation)
    return convolved(operation, reading, source, found, reading.target(operation))


def convolved(operation: Operation, reading: Import, source: Quantized, found: Window, target: Target) -> Quantized:
    """The convolution over this window."""
    channels = source.view.hwc[2]
    weights, tensor = _weights(operation, reading, 4)
    axis = 0
    if operation.operator == "DEPTHWISE_CONV_2D":
        if weights.shape[0] != 1 or weights.shape[3] % channels:
            raise operation.unsupported(f"weights {list(weights.shape)} do not suit {channels} channels")
        weights, axis = np.ascontiguousarray(weights.transpose(3, 1, 2, 0)), 3
    outputs, depth = weights.shape[0], weights.shape[3]
    if channels % depth or outputs % (channels // depth):
        raise operation.unsupported(f"weights {list(weights.shape)} do not suit {channels} channels")
    fields = _fields(operation, reading, source, weights, tensor, target, axis=axis)
    result = image_view(operation, *found.output, outputs)
    return emit_linear(operation, target, source, result, weights, found, channels // depth, fields)


@reads("TRANSPOSE_CONV")
def transposed(operation: Operation, reading: Import) -> Value:
    """The output's shape, weights [O, kernel_h, kernel_w, I], the input, perhaps a bias."""
    source = reading.activation(operation, 2)
    view = image(operation, source)
    weights, tensor = _weights(operation, reading, 4)
    outputs, rows, columns, depth = weights.shape
    stride = (operation.option("StrideH", 1), operation.option("StrideW", 1))
    shape = reading.output(operation).shape
    if depth != view.hwc[2] or len(shape) != 4 or shape[0] != 1 or shape[3] != outputs or min(stride) < 1:
        raise operation.unsupported(f"weights {list(weights.shape)} do not suit {list(view.shape)} and {list(shape)}")
    cuts = []
    for axis, taps in enumerate((rows, columns)):
        whole = (view.hwc[axis] - 1) * stride[axis] + taps
        if operation.option("Padding") == SAME:  # of the convolution that this one turns round
            total = max((-(-shape[axis + 1] // stride[axis]) - 1) * stride[axis] + taps - shape[axis + 1], 0)
        else:
            total = 0
        before = total // 2
        cuts.append((before, whole - before - shape[axis + 1]))
    padding = Padding(
        top=rows - 1 - cuts[0][0],
        left=columns - 1 - cuts[1][0],
        bottom=rows - 1 - cuts[0][1],
        right=columns - 1 - cuts[1][1],
    )
    found = Window((rows, columns), stride, (1, 1), padding, (shape[1], shape[2]))
    found.check(operation)
    target = reading.target(operation)
    fields = _fields(operation, reading, source, weights, tensor, target, axis=0, bias=3) | {"upsampling": stride}
    turned = np.ascontiguousarray(weights[:, ::-1, ::-1])
    return emit_linear(
        operation, target, source, image_view(operation, *found.output, outputs), turned, found, 1, fields
    )


@reads("SPACE_TO_BATCH_ND")
def space_to_batch(operation: Operation, reading: Import) -> Value:
    """How TensorFlow writes a dilated convolution: every block-th pixel is an image of its own."""
    source = reading.activation(operation, 0)
    image(operation, source)
    block, amounts = _blocks(operation, reading, "paddings")
    return Batches(source, block, Padding(top=amounts[0], bottom=amounts[1], left=amounts[2], right=amounts[3]))


@reads("BATCH_TO_SPACE_ND")
def batch_to_space(operation: Operation, reading: Import) -> Value:
    """Puts them together: the convolution between is a dilated one."""
    given = reading.value(operation, 0)
    block, crops = _blocks(operation, reading, "crops")
    if not isinstance(given, Batches) or given.convolution is None or given.block != block:
        raise operation.unsupported("only SPACE_TO_BATCH_ND, one convolution, BATCH_TO_SPACE_ND is supported")
    inner = given.convolution
    if (inner.option("StrideH", 1), inner.option("StrideW", 1)) != (1, 1):
        raise inner.unsupported("has a stride between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND")
    kernel = reading.constant(inner, 1, "weights").shape[1:3]
    height, width, _ = given.source.view.hwc
    shape = reading.output(operation).shape
    if len(shape) != 4 or len(kernel) != 2:
        raise operation.unsupported("its output must be an image")
    edges = []
    for axis, (size, before, crop) in enumerate(
        ((height, given.padding.top, crops[0]), (width, given.padding.left, crops[2]))
    ):
        reach = (kernel[axis] - 1) * block[axis]
        if inner.option("Padding") == SAME:
            before += (kernel[axis] - 1) // 2 * block[axis]
        first = before - crop
        edges.append((first, shape[axis + 1] + reach - size - first))
    if min(edge for both in edges for edge in both) < 0:
        raise operation.unsupported("cuts more off than SPACE_TO_BATCH_ND has padded")
    padding = Padding(top=edges[0][0], bottom=edges[0][1], left=edges[1][0], right=edges[1][1])
    found = Window((kernel[0], kernel[1]), (1, 1), block, padding, (shape[1], shape[2]))
    found.check(operation)
    limits = reading.target(inner)
    target = dataclasses.replace(reading.target(operation), low=limits.low, high=limits.high)
    return convolved(inner, reading, given.source, found, target)


def _blocks(operation: Operation, reading: Import, what: str) -> tuple[Pair, tuple[int, ...]]:
    block, amounts = reading.integers(operation, 1, "block shape"), reading.integers(operation, 2, what)
    if len(block) != 2 or len(amounts) != 4 or min(block) < 1 or not all(0 <= amount <= 4096 for amount in amounts):
        raise operation.unsupported(f"block {list(block)[:9]} and {what} {list(amounts)[:9]} do not suit an image")
    return (block[0], block[1]), amounts


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
    bias: int = 2,
) -> dict[str, object]:
    """Bias, multipliers and shifts of weights [O, ...].

    `axis` is that of the output channels in the file, `bias` the number of the input that holds it.
    """
    outputs = weights.shape[0]
    scales = tensor.scales
    if scales.size not in (1, outputs) or (scales.size > 1 and tensor.axis != axis):
        raise operation.unsupported(f"{scales.size} scales along axis {tensor.axis} for {outputs} output channels")
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise operation.unsupported("every scale must be a float above 0")
    multiplier, shift = _multipliers(source, scales, target)
    addends = _bias(operation, reading, outputs, bias)
    reach = np.abs(addends.astype(np.int64)) + 255 * np.abs(weights.astype(np.int64)).reshape(outputs, -1).sum(axis=1)
    if (clipped := np.abs(addends.astype(np.int64)) >= INT32_LIMIT - 1).any():
        raise operation.unsupported(CLIPPED.format(int(np.argmax(clipped))))
    if (reach >= INT32_LIMIT).any():
        channel = int(np.argmax(reach))
        raise operation.unsupported(
            f"output channel {channel} can reach {reach[channel]} in its accumulator, beyond int32"
        )
    fields: dict[str, object] = {
        "bias": addends,
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


def _bias(operation: Operation, reading: Import, outputs: int, index: int) -> Int32Array:
    if reading.tensor(operation, index) is None:
        return np.zeros(outputs, np.int32)
    bias = reading.constant(operation, index, "bias")
    if bias.dtype != np.int32 or bias.size != outputs:
        raise operation.unsupported(
            f"its bias is {bias.dtype} with {bias.size} values; int32 with {outputs} is supported"
        )
    return np.ascontiguousarray(bias.reshape(-1).astype(np.int32))
