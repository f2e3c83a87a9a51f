"""python -m msf_riot.cli"""

import sys

from msf_riot.cli import main

sys.exit(main())
