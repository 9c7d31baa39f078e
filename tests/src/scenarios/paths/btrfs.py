#!/usr/bin/env python3
"""Makes btrfs.runs: an empty file system whose files can share blocks, without its zeros.

    truncate -s 64M image
    mkfs.btrfs --mixed -n 4096 -m single -d single -U 69f0ac7e-0000-4000-8000-000000000001 image
    ./btrfs.py image > btrfs.runs

A run is its offset (32 bits), its length (16 bits), both little-endian, and its bytes.
"""

import re
import struct
import sys

with open(sys.argv[1], "rb") as image:
    content = image.read()
for run in re.finditer(rb"[^\0](?:\0{0,5}[^\0]){0,60000}", content):
    sys.stdout.buffer.write(struct.pack("<IH", run.start(), len(run.group())))
    sys.stdout.buffer.write(run.group())
