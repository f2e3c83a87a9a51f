"""The three chains of the msf-CNN paper (arXiv 2505.11483, section 6) as Graphs without weights, to compare plans with.

Takes a name ("paper:mbv2-w0.35-r144"), gives a Graph whose weights are all zero: residual-free and headless, as the
paper plans them, so the planner takes them and code generation refuses them. The paper's accounting is that of input
mode "whole": input and output of each stage are whole tensors, the network's own input and output are the caller's.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from msf_riot.errors import ModelError, UnsupportedModelError
from msf_riot.ir import Conv2D, DepthwiseConv2D, Graph, Operator, Padding, Quantization, Tensor
from msf_riot.zoo.networks import LAYER_TABLES

PREFIX = "paper:"


@dataclass(frozen=True)
class _Layer:
    """A square convolution with k // 2 rows and columns of padding; depthwise where `channels` is None."""

    channels: int | None
    kernel: int = 1
    stride: int = 1


def _inverted_residual(inputs: int, expansion: int, kernel: int, channels: int, stride: int) -> list[_Layer]:
    return [_Layer(inputs * expansion), _Layer(None, kernel, stride), _Layer(channels)]


def _mobilenet_v2(width: float) -> list[_Layer]:
    """Sandler et al., 2018, table 2; every channel count is int(width * its own), the expansion of 1 is a layer too."""

    def scaled(channels: int) -> int:
        return int(channels * width)

    layers = [_Layer(scaled(32), 3, 2)]
    inputs = scaled(32)
    table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, channels, repeats, stride in table:
        for repeat in range(repeats):
            layers += _inverted_residual(inputs, expansion, 3, scaled(channels), stride if repeat == 0 else 1)
            inputs = scaled(channels)
    return [*layers, _Layer(scaled(1280))]


def _from_zoo(name: str) -> list[_Layer]:
    """The network of the zoo without its sums and its head; an expansion of 1 is no layer there."""
    table = LAYER_TABLES[name]
    inputs = int(table["stem_channels"])
    layers = [_Layer(inputs, 3, 2)]
    for expansion, kernel, channels, stride, _ in table["blocks"]:
        layers += _inverted_residual(inputs, expansion, kernel, channels, stride)[expansion == 1 :]
        inputs = channels
    return layers


@dataclass(frozen=True)
class _Chain:
    size: int
    layers: Sequence[_Layer]


_CHAINS: Mapping[str, _Chain] = {
    "mbv2-w0.35-r144": _Chain(144, _mobilenet_v2(0.35)),
    "mcunetv2-vww-5fps-r80": _Chain(80, _from_zoo("mcunet-vww1")),
    "mcunet-320kb-r176": _Chain(176, _from_zoo("mcunet-in3")),
}


def paper_names() -> tuple[str, ...]:
    """The chains, each with the prefix."""
    return tuple(PREFIX + name for name in _CHAINS)


def paper_graph(name: str) -> Graph:
    """The chain of that name, with the prefix or without, all weights zero. Raises ModelError for an unknown name."""
    chain = _CHAINS.get(name.removeprefix(PREFIX))
    if chain is None:
        near = difflib.get_close_matches(name, paper_names(), n=1, cutoff=0.4) or paper_names()
        raise ModelError(f"the paper has no chain '{name}'; did you mean {' or '.join(near)}?")
    quantization = Quantization(1.0, 0)
    source = Tensor("input", chain.size, chain.size, 3, quantization)
    tensors = {source.name: source}
    operators: list[Operator] = []
    for index, layer in enumerate(chain.layers):
        channels = source.channels if layer.channels is None else layer.channels
        size = (source.height + 2 * (layer.kernel // 2) - layer.kernel) // layer.stride + 1
        output = Tensor(f"t{index}", size, size, channels, quantization)
        operators.append(_operator(layer, f"layer{index}", source, output))
        tensors[output.name] = source = output
    return Graph(PREFIX + name.removeprefix(PREFIX), tensors, tuple(operators), ("input",), (source.name,))


def _operator(layer: _Layer, name: str, source: Tensor, output: Tensor) -> Operator:
    taps = (layer.kernel, layer.kernel)
    depthwise = layer.channels is None
    shape = (*taps, output.channels) if depthwise else (output.channels, *taps, source.channels)
    zeros = np.zeros(output.channels, np.int32)
    return (DepthwiseConv2D if depthwise else Conv2D)(
        name=name,
        inputs=(source.name,),
        output=output.name,
        weights=np.zeros(shape, np.int8),
        bias=zeros,
        multiplier=zeros,
        shift=zeros + 1,
        stride=(layer.stride, layer.stride),
        padding=Padding(*[layer.kernel // 2] * 4),
    )


def refuse_generation(name: str) -> None:
    """Raises UnsupportedModelError where the name is of one of the paper's chains, which have no weights."""
    if name.startswith(PREFIX):
        raise UnsupportedModelError(
            name, "whole model", "has no weights and is for the planner only; zoo:NAME networks can be generated"
        )
