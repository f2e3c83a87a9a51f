"""One convolution or dense layer -> the constants of its kernel (kernels_dsp.h)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph, Operator, rounds_twice
from msf_riot.kernels.dsp import cost
from msf_riot.kernels.dsp.layout import Integers, byte_words, even_odd_words, tap_matrix
from msf_riot.kernels.dsp.requantization import Requantization, common_shift, requantization
from msf_riot.kernels.interface import Array, Constants

MOST_ROWS = 11
"""Of a convolution's kernel (MSF_CONV2D_DSP_ROWS)."""


def supported(graph: Graph, operator: Operator) -> bool:
    """Whether the dsp kernels compute this operator; the others are left to the portable ones."""
    match operator:
        case Conv2D():
            if operator.groups != 1 or operator.dilation != (1, 1) or operator.kernel[0] > MOST_ROWS:
                return False
        case DepthwiseConv2D():
            if not (cost.is_by_columns if rounds_twice(operator) else cost.is_by_rows)(operator):
                return False
        case Dense():
            pass
        case _:
            return False
    return requantization(graph, operator) is not None


def constants(
    graph: Graph,
    operator: Operator,
    name: str,
    prefix: str,
    tile: int = cost.GROUP_PIXELS,
    pixels: int | None = None,
) -> Constants:
    """The constants of a supported operator called `name` in a model whose symbols begin with `prefix`.

    A convolution packs and computes up to `tile` pixels together: 1 to 4. A call computes up to `pixels` pixels,
    None: a row. The type's name without `_t` is the kernel's.
    """
    source, target = graph.tensor(operator.inputs[0]), graph.tensor(operator.output)
    zero_out = target.quantization.zero_point
    assert isinstance(operator, Conv2D | DepthwiseConv2D | Dense)
    form = requantization(graph, operator)
    assert form is not None
    if isinstance(operator, DepthwiseConv2D):
        return _depthwise_constants(graph, operator, form, pixels or target.width, name, prefix)
    taps = tap_matrix(operator)
    words = _stream(taps, form)
    uniform = form.uniform and form.scale == 256 and not form.twice
    shift = int(form.shift[0])
    array = Array(f"{name}_weights", "uint32_t", words, f"weights {' x '.join(map(str, taps.shape))}, bias, multiplier")
    kernel = operator.kernel if isinstance(operator, Conv2D) else (1, 1)
    stride = operator.stride[1] if isinstance(operator, Conv2D) else 1
    by_columns = cost.packs_columns(operator)
    ending = ("_twice" if form.twice else "" if form.scale == 256 else "_wide") + "_dsp"
    requantize = str(shift) if uniform else "channels_twice" if form.twice else "channels"
    if by_columns:
        tiles, piece = f"&msf_tiles_columns{kernel[0]}s{stride}{ending}", f"msf_requantize_columns_dsp_{requantize}"
    else:
        tiles, piece = f"&msf_tiles{ending}", f"msf_requantize_dsp_{requantize}" if form.scale == 256 else "NULL"
    fields = (
        ("weights", prefix + array.name),
        ("tiles", tiles),
        ("requantize", piece),
        ("round", str(2 * zero_out + 1)),
        ("shifts", "MSF_SHIFTS_TWICE" if form.twice else str((shift - 1) * 0x10001 if uniform else -1)),
        ("taps", str(taps.shape[1])),
        ("out_channels", str(target.channels)),
        ("in_channels", str(source.size if isinstance(operator, Dense) else source.channels)),
        ("kernel_h", str(kernel[0])),
        ("kernel_w", str(kernel[1])),
        ("stride_w", str(stride)),
        ("tile", str(tile)),
        ("in_zero", str(source.quantization.zero_point)),
        ("out_min", str(operator.low)),
        ("out_max", str(operator.high)),
    )
    ctype = "msf_dense_dsp_t" if isinstance(operator, Dense) else "msf_conv2d_dsp_t"
    return Constants("msf_conv2d_columns_dsp_t" if by_columns else ctype, fields, (array,))


def _depthwise_constants(
    graph: Graph, operator: DepthwiseConv2D, form: Requantization, pixels: int, name: str, prefix: str
) -> Constants:
    source, target = graph.tensor(operator.inputs[0]), graph.tensor(operator.output)
    records = _records(operator, _unfolded(form, operator, source.quantization.zero_point))
    array = Array(f"{name}_records", "uint32_t", records, "bias, multiplier, shift, weights")
    rows, columns = operator.kernel
    stride = operator.stride[1]
    by_columns = cost.depthwise_body(operator, source, target, pixels) == "columns"
    kernel = (
        (
            ("body", f"msf_depthwise{rows}s{stride}{'_twice' if rounds_twice(operator) else ''}_dsp"),
            ("kernel", str(rows)),
            ("pixels", str(cost.part_pixels(operator, pixels))),
            ("uniform", str(int(form.uniform and not form.twice and form.shift[0] == common_shift(operator)))),
        )
        if by_columns
        else (("kernel_h", str(rows)), ("kernel_w", str(columns)))
    )
    fields = (
        ("records", prefix + array.name),
        *kernel,
        ("round", str(2 * target.quantization.zero_point + 1)),
        ("channels", str(target.channels)),
        ("stride_w", str(stride)),
        ("in_zero", str(source.quantization.zero_point)),
        ("out_min", str(operator.low)),
        ("out_max", str(operator.high)),
    )
    return Constants("msf_depthwise_dsp_t" if by_columns else "msf_depthwise_rows_dsp_t", fields, (array,))


def _unfolded(form: Requantization, operator: DepthwiseConv2D, zero: int) -> Requantization:
    """With biases that the input's zero point is not folded into, as the kernel subtracts it from the input."""
    sums = operator.weights.astype(np.int64).sum(axis=(0, 1))
    return replace(form, bias=form.bias + np.where(form.constant, 0, form.scale * zero * sums))


def _records(operator: DepthwiseConv2D, form: Requantization) -> npt.NDArray[np.uint32]:
    """Of each four channels their biases, multipliers, shifts - 1, and their weights tap by tap."""
    weights = np.where(form.constant, 0, operator.weights).astype(np.int8)
    groups = len(form.bias) // 4
    columns = [
        (form.bias & 0xFFFFFFFF).astype("<u4").view(np.uint8).reshape(groups, 16),
        form.multiplier.astype("<u4").view(np.uint8).reshape(groups, 16),
        (form.shift - 1).astype(np.uint8).reshape(groups, 4),
        weights.reshape(-1, groups, 4).transpose(1, 0, 2).reshape(groups, -1).view(np.uint8),
    ]
    return np.concatenate(columns, axis=1).reshape(-1).view("<u4")


def _stream(taps: Integers, form: Requantization) -> npt.NDArray[np.uint32]:
    """All words of a layer, two channels after the other and a last odd one alone."""
    taps = np.where(form.constant[:, None], 0, taps)
    uniform = form.uniform and form.scale == 256 and not form.twice
    words: list[Integers] = []
    for first in range(0, len(taps), 2):
        channels = slice(first, min(first + 2, len(taps)))
        block = taps[channels]
        if form.scale == 256:
            weights = even_odd_words(block).T.reshape(-1)
        elif len(block) == 1:
            weights = byte_words(block.reshape(-1, 4))
        else:
            quads = block.reshape(2, -1, 4)
            even, odd = (
                np.stack([quads[0, :, i], quads[1, :, i], quads[0, :, i + 2], quads[1, :, i + 2]], 1) for i in (0, 1)
            )
            weights = np.stack([byte_words(even), byte_words(odd)], axis=1).reshape(-1)
        words += [form.bias[channels], weights, form.multiplier[channels]]
        if not uniform:
            shifts = form.shift[channels] - 1
            words.append(np.array([int(shifts[0]) | (int(shifts[1]) << 16 if len(shifts) == 2 else 0)]))
    return (np.concatenate(words) & 0xFFFFFFFF).astype(np.uint32)
