"""A YAML file that a person wrote and a schema checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from msf_riot.errors import LabError


def read_yaml(file: Path, schema: str, what: str) -> Mapping[str, Any]:
    """The mapping in the file; `schema` is a file of this folder, `what` begins the message.

    Raises LabError where the file is absent, no YAML or not what the schema asks for.
    """
    import jsonschema

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(f"{what} {file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise LabError(f"{what} {file} is not YAML: {' '.join(str(error).split())[:300]}") from error
    checker = jsonschema.Draft202012Validator(json.loads(Path(__file__).with_name(schema).read_text(encoding="utf-8")))
    found = jsonschema.exceptions.best_match(checker.iter_errors(content))
    if found is not None:
        where = ".".join(map(str, found.absolute_path)) or "top level"
        raise LabError(f"{what} {file}: {where}: {found.message[:300]}")
    read: Mapping[str, Any] = content
    return read
