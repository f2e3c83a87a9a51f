"""msf-riot inspect: what is in a model."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from rich.console import Group

from msf_riot import ir, passes
from msf_riot.cli.options import Answer, read_model, shape_text, takes_model
from msf_riot.terminal import facts, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    takes_model(parser)


def run(arguments: argparse.Namespace) -> Answer:
    """Operators, shapes, quantization, MACs, parameters, constant channels, and what layer-by-layer execution takes."""
    from msf_riot import planner

    graph = read_model(arguments.model)
    folded = passes.fold_constant_channels(graph)[1]
    rows = [_operator_row(graph, operator) for operator in graph.operators]
    largest = max(graph.tensors.values(), key=lambda tensor: tensor.size)
    peak = planner.layer_by_layer(graph).peak_ram
    data = {
        "model": arguments.model,
        "input": _interface(graph.tensor(graph.input)),
        "output": _interface(graph.tensor(graph.output)),
        "inputs": [_interface(graph.tensor(name)) for name in graph.inputs],
        "outputs": [_interface(graph.tensor(name)) for name in graph.outputs],
        "notes": list(graph.notes),
        "pixels": None if graph.pixels is None else {"mean": graph.pixels[0], "deviation": graph.pixels[1]},
        "operators": rows,
        "macs": ir.macs(graph),
        "parameters": ir.parameter_bytes(graph),
        "largest_tensor": {"name": largest.name, "bytes": largest.size},
        "layer_by_layer_peak": peak,
        "constant_channels": {
            "constant": folded.constant,
            "channels_before": folded.channels_before,
            "channels_after": folded.channels_after,
            "macs_after": folded.macs_after,
            "parameters_after": folded.weight_bytes_after,
        },
    }
    operators = table(
        "",
        ("#", "operator", "name", "output", "scale", "zero point", "MACs", "parameters"),
        (
            (
                n,
                row["operator"],
                row["name"],
                shape_text(graph.tensor(graph.operators[n].output).shape),
                row["scale"],
                row["zero_point"],
                row["macs"],
                row["parameters"],
            )
            for n, row in enumerate(rows)
        ),
    )
    summary = facts(
        "",
        (
            *(("input", _interface_text(graph.tensor(name))) for name in graph.inputs),
            *(("output", _interface_text(graph.tensor(name))) for name in graph.outputs),
            *(("note", f"the network {note}") for note in graph.notes),
            ("MACs", data["macs"]),
            ("parameters (bytes)", data["parameters"]),
            ("largest tensor", f"{largest.size:,} bytes, {shape_text(largest.shape)} ({largest.name})"),
            ("layer-by-layer peak RAM", f"{peak:,} bytes"),
            ("constant channels", _folding_text(folded)),
        ),
    )
    return Answer(data, Group(operators, "", summary))


def _folding_text(folded: passes.Report) -> str:
    if folded.channels_after == folded.channels_before:
        return f"none of {folded.channels_before:,}"
    return (
        f"{folded.constant:,} of {folded.channels_before:,} channels never change; folded away they leave "
        f"{folded.macs_after:,} MACs and {folded.weight_bytes_after:,} bytes of parameters"
    )


def _operator_row(graph: ir.Graph, operator: ir.Operator) -> dict[str, object]:
    output = graph.tensor(operator.output)
    weights = getattr(operator, "weights", None)
    return {
        "name": operator.name,
        "operator": type(operator).__name__,
        "inputs": list(operator.inputs),
        "output": operator.output,
        "shape": list(output.shape),
        "scale": output.quantization.scale,
        "zero_point": output.quantization.zero_point,
        "macs": ir.macs_per_pixel(operator) * output.height * output.width,
        "parameters": 0 if weights is None else int(weights.size),
    }


def _interface(tensor: ir.Tensor) -> dict[str, object]:
    return {"name": tensor.name, "shape": list(tensor.shape), **asdict(tensor.quantization)}


def _interface_text(tensor: ir.Tensor) -> str:
    quantization = tensor.quantization
    return (
        f"{shape_text(tensor.shape)} int8, scale {quantization.scale:.6g}, zero point {quantization.zero_point} "
        f"({tensor.name})"
    )
