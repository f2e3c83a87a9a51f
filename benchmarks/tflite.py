"""docs/tflite.md's tables: ./with-env python benchmarks/tflite.py [--board BOARD] [MODEL.tflite ...]

For each trained model of ../shared/models/tflite, or those that are named: the share of output elements equal to
LiteRT's over 100 random inputs and those of `msf-riot verify`, layer by layer and with the default plan; arena and
executed instructions on sim-m4 or another board in QEMU; the same of its twin in ONNX, where there is one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from msf_riot import reference
from msf_riot.errors import MsfError
from msf_riot.litert import litert_outputs
from msf_riot.source import ModelSource
from msf_riot.terminal import show, table
from msf_riot.verify import default_inputs, verify

SHARED = Path(__file__).resolve().parents[2] / "shared/models"

TWINS = {
    "mlperf_ad": "mlperf_ad_autoencoder_int8",
    "mlperf_ic": "mlperf_ic_resnet8_int8",
    "mlperf_kws": "mlperf_kws_dscnn_int8",
    "mlperf_vww": "mlperf_vww_mobilenetv1_96_int8",
}
"""The same network with the same float weights, quantized by ONNX Runtime."""

INPUTS = 100


def equal_fraction(path: Path) -> float:
    graph = ModelSource(str(path)).graph()
    random = np.random.default_rng(1).integers(-128, 128, (INPUTS, *graph.input_shape)).astype(np.int8)
    inputs = np.concatenate([default_inputs(graph), random])
    ours = np.stack([reference.execute(graph, each) for each in inputs])
    return float((ours == litert_outputs(path, graph, inputs)).mean())


def measured(model: Path, board: str, plan: str | None) -> tuple[int, int, bool]:
    """(arena bytes, instructions, whether C and reference agree)."""
    found = verify(ModelSource(str(model)), board, plan=plan)
    return found.arena_bytes, found.selftest.instructions or 0, found.selftest.match


def main() -> None:
    parser = argparse.ArgumentParser(description="TensorFlow Lite's models, LiteRT and ONNX twins")
    parser.add_argument("models", nargs="*", type=Path, default=sorted((SHARED / "tflite").glob("*.tflite")))
    parser.add_argument("--board", default="sim-m4", help="default: sim-m4")
    arguments = parser.parse_args()
    rows = []
    for path in arguments.models:
        try:
            equal = equal_fraction(path)
            runs = [measured(path, arguments.board, plan) for plan in (None, "layer-by-layer")]
        except MsfError as error:
            rows.append([path.stem, f"refused: {error}"[:60], "", "", "", ""])
            continue
        twin = TWINS.get(path.stem)
        arena, instructions, _ = runs[0]
        other = measured(SHARED / f"{twin}.onnx", arguments.board, None) if twin else None
        rows.append(
            [
                path.stem,
                f"{equal:.4%}",
                "yes" if all(match for *_, match in runs) else "no",
                f"{arena:,}",
                f"{instructions:,}",
                f"{instructions / other[1]:.3f}, arena {arena - other[0]:+d}" if other else "",
            ]
        )
    head = ["model", "equal to LiteRT", "C = reference", "arena", "instructions", "of the ONNX twin's"]
    show(table(f"TensorFlow Lite on {arguments.board}", head, rows))


if __name__ == "__main__":
    main()
