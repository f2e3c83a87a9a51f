"""Graph -> Graph whose input are the bytes of a camera: preprocessing outside it becomes a table for each channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from msf_riot.errors import ModelError
from msf_riot.ir import ChannelLookup, Graph, Lookup, Operator, Quantization, Tensor

PIXELS = Quantization(1.0, -128)
"""A byte of 0 to 255, less 128."""


def with_pixels(graph: Graph, mean: Sequence[float], deviation: Sequence[float]) -> Graph:
    """Pixels p of 0 to 255 in place of the real input (p - mean) / deviation; one number, or one for each channel.

    Computed in float32 and rounded as the model's own first quantizer does. Raises ModelError where the model has
    several inputs, takes no floats, or has another number of channels.
    """
    tensor = graph.tensor(graph.input)
    if len(graph.inputs) > 1:
        raise ModelError(f"{graph.name}: has {len(graph.inputs)} inputs; pixels are for models with one")
    if tensor.origin is None or tensor.origin.element != "float32":
        raise ModelError(f"{graph.name}: its input takes no floats; leave --input-pixels out")
    channels = tensor.channels
    numbers = []
    for what, values in (("mean", mean), ("deviation", deviation)):
        if len(values) not in (1, channels) or not np.isfinite(values).all() or (what == "deviation" and 0 in values):
            raise ModelError(f"{graph.name}: the {what} must be one number, or one for each of {channels} channels")
        numbers.append(tuple(float(v) for v in np.broadcast_to(values, (channels,))))
    pixels = np.arange(256, dtype=np.float32)
    shift, scale = (np.array(each, np.float32)[:, np.newaxis] for each in numbers)
    reals = (pixels - shift) / scale
    steps = np.rint(reals / np.float32(tensor.quantization.scale)) + tensor.quantization.zero_point
    table = np.clip(steps, -128, 127).astype(np.int8)
    names = ("pixels", *(f"pixels_{number}" for number in range(len(graph.tensors))))
    name = next(each for each in names if each not in graph.tensors)
    origin = dataclasses.replace(tensor.origin, element="uint8", normalization=(numbers[0], numbers[1]))
    source = Tensor(name, *tensor.shape, PIXELS, origin)
    first: Operator
    if (table == table[0]).all():
        first = Lookup(name=f"{name} to {tensor.name}", inputs=(name,), output=tensor.name, table=table[0].copy())
    else:
        first = ChannelLookup(name=f"{name} to {tensor.name}", inputs=(name,), output=tensor.name, table=table)
    tensors = {name: source, **graph.tensors, tensor.name: dataclasses.replace(tensor, origin=None)}
    return dataclasses.replace(graph, tensors=tensors, operators=(first, *graph.operators), inputs=(name,))
