"""Says on which Linux systems a wheel runs, as auditwheel sees it: at most manylinux_2_28 (RHEL 8, Debian 10).

The system that .ci/run builds on may have a newer C library than a wheel may ask for.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

NEWEST = (2, 28)

wheel = sys.argv[1]
tool = Path(sys.executable).with_name("auditwheel")
told = subprocess.run([tool, "show", wheel], capture_output=True, text=True, check=True).stdout
print(told.strip())
found = re.search(r'"manylinux_(\d+)_(\d+)_\w+"', told)
if found is None:
    sys.exit(f"{wheel} has no tag of manylinux: it asks for libraries that not every system has")
if (int(found[1]), int(found[2])) > NEWEST:
    sys.exit(f"{wheel} asks for the C library {found[1]}.{found[2]}; at most {NEWEST[0]}.{NEWEST[1]} is wanted")
