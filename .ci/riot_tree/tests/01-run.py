#!/usr/bin/env python3

# SPDX-FileCopyrightText: 2026 The msf-riot developers
# SPDX-License-Identifier: MIT

"""The example's network gives what is expected of it."""

import sys

from testrunner import run


def testfunc(child):
    """What the example prints."""
    child.expect_exact("vector 0: as expected")
    child.expect_exact("SUCCESS")


if __name__ == "__main__":
    sys.exit(run(testfunc))
