"""The service of the story as such services are written: buffered files, a
named thread, uuid and shutil.rmtree. Speaks as the workloads in work/ do."""

import json
import os
import random
import shutil
import signal
import sys
import threading
import uuid

FILES = 1000


def request(parent, sizes, sums):
    """One request; returns its directory."""
    directory = os.path.join(parent, str(uuid.uuid4()))
    os.mkdir(directory)
    largest = sizes.randint(2500, 9500)
    names = [os.path.join(directory, f"{index}.txt") for index in range(FILES)]
    for name in names:
        with open(name, "wb") as file:
            sums["write_bytes"] += file.write(b"x" * sizes.randint(1, largest))
    for name in names:
        with open(name, "rb") as file:
            sums["read_bytes"] += len(file.read())
    shutil.rmtree(directory)
    return directory


def serve(parent, requests, started, go, result):
    """The service thread."""
    sizes = random.Random(7)
    sums = {"read_bytes": 0, "write_bytes": 0}
    ids = {"pid": os.getpid(), "tid": threading.get_native_id()}
    started.append(ids)
    go[0].set()
    go[1].wait()
    directories = [request(parent, sizes, sums) for _ in range(requests)]
    result.update(ids, files=FILES, directories=directories, **sums)


def main():
    signal.alarm(300)  # Nobody may have to end it.
    parent, requests = sys.argv[1], int(sys.argv[2])
    started, go, result = [], (threading.Event(), threading.Event()), {}
    worker = threading.Thread(
        target=serve,
        args=(parent, requests, started, go, result),
        name="svc-worker",
    )
    worker.start()
    go[0].wait()
    print(json.dumps(started[0]), flush=True)
    sys.stdin.readline()
    go[1].set()
    worker.join()
    if not result:
        sys.exit(1)
    print(json.dumps(result), flush=True)


main()
