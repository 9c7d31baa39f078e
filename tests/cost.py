"""Instructions that tracing adds to a call, on one emulated CPU whose clock counts them.

    cargo xtask vm --icount --file tests/cost.py:/cost.py -- python3 /cost.py

The interpreter is part of both figures and falls out of the difference.
"""

import os
import subprocess
import time

FILE = os.open("/mnt/x", os.O_RDWR | os.O_CREAT)
os.write(FILE, b"x" * 4096)

TRACERS = [
    [*command, "--backend", backend]
    for command in (["top", "-C", "100"], ["opens"])
    for backend in ("fentry", "kprobe", "syscall")
]


def per_call(call, calls):
    start = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return (time.perf_counter_ns() - start) / calls


def measure():
    pread = per_call(lambda: os.pread(FILE, 1, 0), 20_000)
    getppid = per_call(os.getppid, 20_000)
    # Long against the 50 ms that a record may wait: printing it is part of its price.
    opened = per_call(lambda: os.close(os.open("/mnt/x", os.O_RDONLY)), 30_000)
    time.sleep(1)
    return pread, opened, getppid


measure()
bare = measure()
print("added by", "pread", "open+close", "getppid", sep="\t")
for arguments in TRACERS:
    tracer = subprocess.Popen(
        ["iotrace", *arguments], stdout=open("/tmp/out", "w"), stderr=subprocess.PIPE
    )
    line = tracer.stderr.readline()
    assert line.startswith(b"iotrace: tracing with"), line
    measure()
    added = [round(now - before) for now, before in zip(measure(), bare)]
    print(" ".join(arguments), *added, sep="\t", flush=True)
    tracer.terminate()
    tracer.wait()
