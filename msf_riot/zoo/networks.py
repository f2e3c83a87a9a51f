"""The networks of the zoo, each a function that sketches it.

Layer tables of the MCUNet family: networks.json, from mit-han-lab/mcunet (Lin et al., "MCUNet: Tiny Deep Learning on
IoT Devices", NeurIPS 2020) and mit-han-lab/tinyml. MLPerf Tiny: Banbury et al., "MLPerf Tiny Benchmark", 2021, as the
reference implementations of mlcommons/tiny lay their layers out. The tiny ones are this project's own, for tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from importlib import resources
from typing import Any

from msf_riot.zoo.structure import INPUT, Network, Sketch


def _layer_tables() -> Mapping[str, Mapping[str, Any]]:
    text = (resources.files("msf_riot.zoo") / "networks.json").read_text(encoding="utf-8")
    tables: Mapping[str, Mapping[str, Any]] = json.loads(text)["networks"]
    return tables


LAYER_TABLES = _layer_tables()


def _inverted_residual(
    net: Sketch, x: str, expansion: int, kernel: int, channels: int, stride: int, residual: int
) -> str:
    """1x1 expansion, depthwise, 1x1 projection, and the sum with the block's input where `residual`."""
    y = x
    if expansion != 1:
        y = net.convolution(y, net.shapes[x][0] * expansion, activation="Clip")
    y = net.depthwise(y, kernel, stride, activation="Clip")
    y = net.convolution(y, channels)
    return net.add(x, y) if residual else y


def layer_table_network(name: str) -> Network:
    """A network of networks.json."""
    table = LAYER_TABLES[name]
    height, width, channels = table["input_hwc"]
    net = Sketch((channels, height, width))
    x = net.convolution(INPUT, table["stem_channels"], 3, 2, activation="Clip")
    for block in table["blocks"]:
        x = _inverted_residual(net, x, *block)
    if table["last_conv_channels"] is not None:
        x = net.convolution(x, table["last_conv_channels"], activation="Clip")
    x = net.flatten(net.global_average(x))
    net.dense(x, table["classes"])
    top1 = table["published"]["top1_int8"]
    task = "person or none" if table["classes"] == 2 else "ImageNet"
    return net.network(name, f"inverted residuals, {height}x{width}, {task} (trained original: {top1} % int8)")


def mobilenet_v1() -> Network:
    """MLPerf Tiny visual wake words: MobileNetV1, width 0.25, 96 x 96."""
    net = Sketch((3, 96, 96))
    x = net.convolution(INPUT, 8, 3, 2, pads="same", activation="Relu")
    blocks = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)] + [(128, 1)] * 5 + [(256, 2), (256, 1)]
    for channels, stride in blocks:
        x = net.depthwise(x, 3, stride, pads="same", activation="Relu")
        x = net.convolution(x, channels, activation="Relu")
    x = net.flatten(net.pool("AveragePool", x, 3, 3))
    net.unary("Softmax", net.dense(x, 2), axis=-1)
    return net.network(
        "mobilenetv1-0.25-96", "MLPerf Tiny visual wake words, 96x96", interface="int8", channels_last=True
    )


def resnet8() -> Network:
    """MLPerf Tiny image classification: ResNet-8 on 32 x 32."""
    net = Sketch((3, 32, 32))
    x = net.convolution(INPUT, 16, 3, pads="same", activation="Relu")
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        y = net.convolution(x, channels, 3, stride, pads="same", activation="Relu")
        y = net.convolution(y, channels, 3, pads="same")
        shortcut = x if stride == 1 else net.convolution(x, channels, 1, stride, pads="same")
        x = net.add(shortcut, y, activation="Relu")
    x = net.flatten(net.pool("AveragePool", x, 8, 8))
    net.unary("Softmax", net.dense(x, 10), axis=-1)
    return net.network("resnet8", "MLPerf Tiny image classification, 32x32", interface="int8", channels_last=True)


def ds_cnn() -> Network:
    """MLPerf Tiny keyword spotting: depthwise separable CNN on 49 x 10 MFCCs."""
    net = Sketch((1, 49, 10))
    x = net.convolution(INPUT, 64, (10, 4), 2, pads="same", activation="Relu")
    for _ in range(4):
        x = net.depthwise(x, 3, pads="same", activation="Relu")
        x = net.convolution(x, 64, activation="Relu")
    x = net.flatten(net.pool("AveragePool", x, (25, 5), (25, 5)))
    net.unary("Softmax", net.dense(x, 12), axis=-1)
    return net.network("ds-cnn", "MLPerf Tiny keyword spotting, 49x10", interface="int8", channels_last=True)


def autoencoder() -> Network:
    """MLPerf Tiny anomaly detection: a dense autoencoder on 640 features."""
    net = Sketch((640,))
    x = INPUT
    for features in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = net.dense(x, features, activation="Relu")
    net.dense(x, 640)
    return net.network("autoencoder", "MLPerf Tiny anomaly detection, 640 features", interface="int8")


def tiny_residual() -> Network:
    """Inverted residual and plain residual with ReLU after the sum."""
    net = Sketch((3, 14, 14))
    x = net.convolution(INPUT, 8, 3, 2, activation="Clip")
    x = _inverted_residual(net, x, 3, 3, 8, 1, 1)
    y = net.convolution(x, 8, 3, activation="Relu")
    x = net.add(x, net.convolution(y, 8, 3), activation="Relu")
    net.dense(net.flatten(net.global_average(x)), 4)
    return net.network("tiny-residual", "for tests: residual sums, 14x14")


def tiny_squeeze_excite() -> Network:
    """HardSwish, squeeze-and-excite as in MobileNetV3, Softmax."""
    net = Sketch((3, 16, 16))
    x = net.unary("HardSwish", net.convolution(INPUT, 8, 3, 2))
    x = net.unary("HardSwish", net.depthwise(x, 5))
    squeezed = net.convolution(net.global_average(x), 4, activation="Relu")
    x = net.mul(x, net.unary("HardSigmoid", net.convolution(squeezed, 8), alpha=1 / 6, beta=0.5))
    x = net.convolution(x, 12)
    x = net.flatten(net.global_average(x))
    net.unary("Softmax", net.dense(x, 5), axis=-1)
    return net.network("tiny-squeeze-excite", "for tests: squeeze-and-excite, Softmax, 16x16")


def tiny_concat_pool() -> Network:
    """Inception-like branches: max and average pools with padding, grouped convolution, explicit Pad, Concat."""
    net = Sketch((4, 12, 12))
    x = net.convolution(INPUT, 8, 3, activation="Relu")
    largest = net.pad(net.pool("MaxPool", x, 3, 2), 0, 1, 1, 0)
    average = net.pool("AveragePool", x, 3, 2, pads="symmetric")
    grouped = net.convolution(x, 8, 3, 2, groups=2)
    x = net.concat(largest, average, grouped)
    x = net.pool("MaxPool", x, 3, pads="symmetric")
    x = net.pool("AveragePool", x, 2, 2, pads="symmetric", count_include_pad=1)
    x = net.convolution(x, 8, (1, 3), pads="valid", activation="Relu")
    net.dense(net.flatten(x), 6)
    return net.network("tiny-concat-pool", "for tests: pools, Pad, Concat, 12x12", interface="int8")


def tiny_resize() -> Network:
    """Encoder and decoder with a skip connection; the output is an image of class probabilities."""
    net = Sketch((1, 12, 8))
    skip = net.convolution(INPUT, 4, 3, activation="Relu")
    x = net.convolution(skip, 8, 3, 2, activation="Relu")
    x = net.convolution(x, 8, 3, dilation=2, activation="Relu")
    x = net.concat(net.resize(x, 2), skip)
    x = net.convolution(x, 3, 3)
    net.unary("Softmax", x, axis=1)
    return net.network("tiny-resize", "for tests: dilation, Resize, per-pixel Softmax, 12x8", interface="uint8")


def tiny_1d() -> Network:
    """A signal of three channels: 1-D convolutions, depthwise included, and pools."""
    net = Sketch((3, 96))
    x = net.convolution(INPUT, 8, 7, 2, activation="Relu")
    x = net.depthwise(x, 5, activation="Relu")
    x = net.convolution(x, 16)
    x = net.pool("MaxPool", x, 3, 2)
    x = net.convolution(x, 16, 3, 2, activation="Relu")
    net.dense(net.flatten(net.global_average(x)), 3)
    return net.network("tiny-1d", "for tests: 1-D signal of 96 samples")


def tiny_unary() -> Network:
    """Functions of one element, products of equal shapes, constants a channel."""
    net = Sketch((3, 10, 10))
    x = net.unary("LeakyRelu", net.convolution(INPUT, 8, 3), alpha=0.1)
    x = net.mul(x, net.unary("Sigmoid", x))
    x = net.channel_constant("Add", net.channel_constant("Mul", x))
    x = net.unary("Tanh", net.convolution(x, 6, 3, 2))
    x = net.unary("HardSigmoid", net.convolution(x, 6), alpha=0.2, beta=0.5)
    x = net.unary("HardSwish", net.convolution(x, 6))
    net.unary("Sigmoid", net.dense(net.flatten(x), 4))
    return net.network("tiny-unary", "for tests: functions of one element, 10x10")


def tiny_vww() -> Network:
    """A person detector in small: under 4 KiB of activations, for boards with 16 KiB of RAM."""
    net = Sketch((3, 20, 20))
    x = net.convolution(INPUT, 8, 3, 2, activation="Clip")
    for block in ((1, 3, 8, 1, 1), (3, 3, 12, 2, 0), (4, 3, 12, 1, 1), (4, 5, 24, 2, 0), (3, 3, 24, 1, 1)):
        x = _inverted_residual(net, x, *block)
    net.dense(net.flatten(net.global_average(x)), 2)
    return net.network("tiny-vww", "for tests: inverted residuals for 16 KiB of RAM, 20x20")


NETWORKS: Mapping[str, Callable[[], Network]] = {
    **{name: partial(layer_table_network, name) for name in LAYER_TABLES},
    "mobilenetv1-0.25-96": mobilenet_v1,
    "resnet8": resnet8,
    "ds-cnn": ds_cnn,
    "autoencoder": autoencoder,
    "tiny-residual": tiny_residual,
    "tiny-squeeze-excite": tiny_squeeze_excite,
    "tiny-concat-pool": tiny_concat_pool,
    "tiny-resize": tiny_resize,
    "tiny-1d": tiny_1d,
    "tiny-unary": tiny_unary,
    "tiny-vww": tiny_vww,
}
