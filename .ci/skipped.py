"""python .ci/skipped.py RESULTS.xml: fails where pytest skipped a test that this machine could have run.

A test may be skipped for one of two absences, which its reason names and which is looked for here again: RIOT
(RIOTBASE or the user's cache) and the shared models.
"""

import sys
import xml.etree.ElementTree
from pathlib import Path

from msf_riot import riot
from msf_riot.errors import MsfError

SHARED_MODELS = Path(__file__).resolve().parent.parent.parent / "shared/models"


def has_riot() -> bool:
    """True where a RIOT is found as the build finds it."""
    try:
        riot.find_riot()
    except MsfError:
        return False
    return True


def main(results: str) -> int:
    """Prints one line for each absence that explains skips and each test that nothing explains."""
    absent = {}
    if not has_riot():
        absent["RIOT"] = "no RIOT at RIOTBASE or in the user's cache"
    if not SHARED_MODELS.is_dir():
        absent["shared/models"] = f"no {SHARED_MODELS}"
    explained = dict.fromkeys(absent, 0)
    unexplained = []
    for case in xml.etree.ElementTree.parse(results).iter("testcase"):
        for skipped in case.findall("skipped"):
            reason = skipped.get("message", "")
            cause = next((name for name in absent if name in reason), None)
            if cause:
                explained[cause] += 1
            else:
                unexplained.append(f"{case.get('classname')}::{case.get('name')}: {reason}")
    for name, count in explained.items():
        print(f"{absent[name]}: {count} tests that need it were skipped")
    for line in unexplained:
        print(f"skipped although it could run: {line}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
