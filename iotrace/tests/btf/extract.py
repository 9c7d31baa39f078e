"""Cuts a kernel's BTF down to what the tests look at: see README.md.

    python3 extract.py < vmlinux.btf > 6.12.btf
"""

import re
import struct
import sys
from pathlib import Path

FUNCTIONS = [
    "vfs_read",
    "vfs_write",
    "do_sys_openat2",
    "vfs_unlink",
    "vfs_create",
    "do_truncate",
    "do_page_mkwrite",
    "aio_complete_rw",
    "bpf_get_current_task_btf",
]
TRACEPOINTS = ["btf_trace_io_uring_complete"]
INT, PTR, ARRAY, STRUCT, UNION, ENUM, TYPEDEF, FUNC, PROTO = 1, 2, 3, 4, 5, 6, 8, 12, 13
WRAPPERS = {8, 9, 10, 11, 18}  # typedef, volatile, const, restrict, type tag
EXTRA = {INT: 4, ARRAY: 12, 14: 4, 17: 4}
PER_ITEM = {STRUCT: 12, UNION: 12, 15: 12, 19: 12, ENUM: 8, PROTO: 8}

layout = Path(__file__).parents[3] / "iotrace-common/src/layout.rs"
paths = [path.split(".") for path in re.findall(r'= "([a-z_.0-9]+)",', layout.read_text())]
paths.append(["pt_regs"])

data = sys.stdin.buffer.read()
_, _, _, head, type_off, type_len, str_off, _ = struct.unpack_from("<HBBIIIII", data)
strings = head + str_off


def string(offset):
    start = strings + offset
    return data[start : data.index(b"\0", start)].decode()


types = [(0, 0, 0, 0, 0, 0)]  # name, kind, items, flag, value, body
at = head + type_off
while at < head + type_off + type_len:
    name, info, value = struct.unpack_from("<III", data, at)
    kind, items = info >> 24 & 0x1F, info & 0xFFFF
    types.append((name, kind, items, info >> 31, value, at + 12))
    at += 12 + EXTRA.get(kind, 0) + PER_ITEM.get(kind, 0) * items


def members(number):
    _, _, items, _, _, body = types[number]
    return [struct.unpack_from("<III", data, body + 12 * n) for n in range(items)]


kept = set()


def keep(number, path):
    """Keeps a type and what the path goes through; anonymous members belong to it."""
    kept.add(number)
    _, kind, _, _, value, _ = types[number]
    if kind in WRAPPERS:
        keep(value, path)
    elif kind in (STRUCT, UNION):
        for name, inner, _ in members(number):
            if name == 0:
                keep(inner, path)
            elif path and string(name) == path[0]:
                keep(inner, path[1:])


for number, (name, kind, *_, value, _) in enumerate(types):
    if kind == STRUCT:
        for path in paths:
            if string(name) == path[0]:
                keep(number, path[1:])
    elif kind == FUNC and string(name) in FUNCTIONS:
        kept |= {number, value}
    elif kind == TYPEDEF and string(name) in TRACEPOINTS:
        kept |= {number, value, types[value][4]}

renumbered = {old: new for new, old in enumerate(sorted(kept), 1)}
out_strings, offsets = bytearray(b"\0"), {"": 0}


def text(offset):
    word = string(offset)
    if word not in offsets:
        offsets[word] = len(out_strings)
        out_strings.extend(word.encode() + b"\0")
    return offsets[word]


out = bytearray()
for number in sorted(kept):
    name, kind, items, flag, value, body = types[number]
    if kind in WRAPPERS or kind in (FUNC, PTR):
        value = renumbered.get(value, 0)
    elif kind == PROTO:
        value = 0
    out += struct.pack("<III", text(name), flag << 31 | kind << 24 | items, value)
    if kind in (STRUCT, UNION):
        for name, inner, offset in members(number):
            out += struct.pack("<III", text(name), renumbered.get(inner, 0), offset)
    elif kind == PROTO:
        for n in range(items):
            name, inner = struct.unpack_from("<II", data, body + 8 * n)
            out += struct.pack("<II", text(name), renumbered.get(inner, 0))
    else:
        out += data[body : body + EXTRA.get(kind, 0) + PER_ITEM.get(kind, 0) * items]

sizes = (24, 0, len(out), len(out), len(out_strings))
sys.stdout.buffer.write(struct.pack("<HBBIIIII", 0xEB9F, 1, 0, *sizes) + out + out_strings)
