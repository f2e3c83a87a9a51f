"""What SConstruct runs: one model, one application, some boards -> packages, ELFs, results and tables.

SCons decides what is out of date; each step here leaves one file that says what came of it. The variables and what they
name are in settings.py, a job's files in job.py, the steps in steps.py, what is printed in tables.py.
"""

from msf_riot.front.job import BUILD, Job
from msf_riot.front.settings import RIOT_VARIABLES, TARGETS, VARIABLES, help_text, make_jobs, read_settings
from msf_riot.front.steps import (
    bench,
    compile_application,
    discard_torn,
    fetch_riot,
    flash,
    generate,
    open_terminal,
    run,
)
from msf_riot.front.tables import check_builds, show_results, show_sizes

__all__ = [
    "BUILD",
    "RIOT_VARIABLES",
    "TARGETS",
    "VARIABLES",
    "Job",
    "bench",
    "check_builds",
    "compile_application",
    "discard_torn",
    "fetch_riot",
    "flash",
    "generate",
    "help_text",
    "make_jobs",
    "open_terminal",
    "read_settings",
    "run",
    "show_results",
    "show_sizes",
]
