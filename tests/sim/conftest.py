import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sim_boards import PACKAGES, SELFTEST, environment, make


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """Builds an application for a board, with options of the tiny model, and gives make's variables to run it.

    All builds of the test session share a folder: only the model is compiled anew for other options.
    """
    folder = tmp_path_factory.mktemp("sim")
    shutil.copytree(PACKAGES, folder / "packages")
    options = folder / "packages" / "msf_model_tiny" / "tiny_options.h"

    def build(board: str, application: Path = SELFTEST, /, *, sanitize: bool = False, **values: int) -> dict[str, str]:
        text = "".join(f"#define {name} {value}\n" for name, value in values.items())
        if options.read_text() != text:
            options.write_text(text)
        output = folder / (application.name + ("-sanitized" if sanitize else ""))
        variables = environment(board, output, folder / "packages", SANITIZE=str(int(sanitize)))
        done = make(application, variables, "-j2", "all")
        assert done.returncode == 0, done.stdout + done.stderr
        return variables

    return build
