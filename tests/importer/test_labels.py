"""Labels of classes: from a file, from a model's metadata, never from what does not name them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from msf_riot import importer, zoo
from msf_riot.errors import ModelError
from msf_riot.importer.labels import labels_in, parse, with_labels


@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\n",
        "\ufeffcat\r\ndog",
        "cat,dog",
        '["cat", "dog"]',
        "['cat', 'dog']",
        "{0: 'cat', 1: 'dog'}",
        '{"1": "dog", "0": "cat"}',
    ],
)
def test_labels_are_read_however_they_are_written(text: str) -> None:
    assert parse(text) == ("cat", "dog")


@pytest.mark.parametrize("text", ["", "  ", "[", "{1: 'one', 2: 'two'}", "[[1], [2]]", "(" * 10_000, "x\n" * 50_000])
def test_what_is_no_list_of_labels_is_none(text: str) -> None:
    assert parse(text) is None


def test_labels_can_be_written_as_utf_8() -> None:
    assert parse(r'["\ud800", "\ud83d\ude00"]') == ("?", "\U0001f600")


@pytest.mark.filterwarnings("error")
def test_labels_in_python_s_notation_warn_of_nothing() -> None:
    assert parse(r"['\d', 'x']") == (r"\d", "x")


def test_metadata_counts_only_where_it_names_every_channel() -> None:
    metadata = {"labels": "one", "names": "{0: 'cat', 1: 'dog'}"}
    assert labels_in(metadata, 2) == ("cat", "dog")
    assert labels_in(metadata, 3) == ()


def test_a_file_of_labels_has_to_name_every_channel(tmp_path: Path) -> None:
    graph = importer.import_model(zoo.resolve("zoo:tiny-vww"))
    file = tmp_path / "labels.txt"
    file.write_text("nobody\nperson\n")
    assert with_labels(graph, file).labels == ("nobody", "person")
    file.write_text("nobody\n")
    with pytest.raises(ModelError, match=r"1 labels, but the output of .* has 2 channels"):
        with_labels(graph, file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="not UTF-8"):
        with_labels(graph, file)
    with pytest.raises(ModelError, match="cannot read the labels"):
        with_labels(graph, tmp_path / "absent.txt")
