"""msf-riot evaluate: how well the float model, the int8 model and the C on a board do on labelled data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group

from msf_riot.cli.options import Answer, option, source_of, takes_model, takes_plan, takes_source
from msf_riot.terminal import facts, progressing, table

if TYPE_CHECKING:
    from rich.table import Table

    from msf_riot.evaluation import Evaluation
    from msf_riot.metrics import Array

MOST_CLASSES = 20
"""Rows of a confusion matrix that is shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    takes_model(parser)
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DATA",
        help="an NPZ file of inputs and labels 'y', or a CSV file of file names and labels beside pictures or sounds",
    )
    parser.add_argument("--board", metavar="B", help="runs the C on a board of `msf-riot boards` as well")
    parser.add_argument(
        "--float", type=Path, metavar="MODEL", dest="float_model", help="the model before quantization, ONNX or TFLite"
    )
    parser.add_argument(
        "--metric",
        choices=("top1", "top5", "auc", "map"),
        default="top1",
        help="accuracy, area under the ROC curve of an anomaly score, or mean average precision of boxes",
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="the first N samples only")
    takes_plan(parser)
    takes_source(parser)


def run(arguments: argparse.Namespace) -> Answer:
    """Accuracy on labelled data: of the float model, of the int8 model, and of the C on a board."""
    from msf_riot.evaluation import evaluate
    from msf_riot.source import read_normalization

    with progressing(f"evaluating {arguments.model}") as advance:
        result = evaluate(
            source_of(arguments, normalizes=True),
            arguments.data,
            board=arguments.board,
            float_model=arguments.float_model,
            metric=arguments.metric,
            plan=arguments.plan,
            limit=arguments.limit,
            normalization=read_normalization(vars(arguments).get, option),
            progress=lambda what, done, count: advance(done, count, what),
        )
    return Answer(result.as_json(), _shown(result))


def _shown(result: Evaluation) -> Group:
    from msf_riot.metrics import NAMES

    sides = {"float": result.of_float, "int8": result.of_int8, result.board or "": result.of_device}
    rows: list[tuple[str, object]] = [("samples", result.samples)]
    rows += [(f"{NAMES[result.metric]}, {side}", _percent(v, result)) for side, v in sides.items() if v is not None]
    if result.metric == "top1":
        named = {"device": result.board}
        rows += [(f"{NAMES['top5']}, {named.get(side, side)}", f"{v:.2%}") for side, v in result.top5.items()]
    if result.equal_fraction is not None:
        rows.append((f"equal bytes of int8 and {result.board}", f"{result.equal_fraction:.4%}"))
    parts = [facts("", rows)]
    if result.confusion is not None:
        parts += [facts("", [("", "")]), _confusion(result.confusion, result.board or "int8")]
    return Group(*parts)


def _percent(value: float, result: Evaluation) -> str:
    return f"{value:.2%}" if result.metric in ("top1", "top5") else f"{value:.4f}"


def _confusion(counts: Array, side: str) -> Table:
    """Rows: what a sample is, columns: what it was taken for; the classes most often mistaken where there are many."""
    if len(counts) <= MOST_CLASSES:
        columns = ("class", *map(str, range(len(counts))), "right")
        rows = [
            (str(number), *map(int, row), f"{row[number] / max(row.sum(), 1):.1%}") for number, row in enumerate(counts)
        ]
        return table(f"confusion ({side}): rows are the true classes", columns, rows)
    wrong = counts.copy()
    for number in range(len(wrong)):
        wrong[number, number] = 0
    order = wrong.reshape(-1).argsort()[::-1][:MOST_CLASSES]
    places = [divmod(int(place), len(counts)) for place in order]
    return table(
        f"most confused classes ({side})",
        ("is", "taken for", "samples"),
        [(str(a), str(b), int(wrong[a, b])) for a, b in places if wrong[a, b]],
    )


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of samples")
    return count
