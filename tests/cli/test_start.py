"""The command line starts without the libraries that only some commands need."""

import subprocess
import sys

from msf_riot.cli import COMMANDS

HEAVY = ("onnx", "onnxruntime", "matplotlib", "jsonschema", "SCons", "riotctrl")


def test_help_loads_no_heavy_library():
    program = (
        "import sys; from msf_riot.cli import main\n"
        "try: main(['-h'])\n"
        f"finally: print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.stdout.endswith("loaded []\n"), result.stdout + result.stderr
    assert all(f"    {command} " in result.stdout for command in COMMANDS)


def test_the_package_runs_as_a_module():
    result = subprocess.run(
        [sys.executable, "-m", "msf_riot.cli", "boards", "--json"], capture_output=True, check=False
    )
    assert result.returncode == 0 and b'"name": "host"' in result.stdout
