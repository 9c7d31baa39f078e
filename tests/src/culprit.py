"""Programs that do one thing to a disk until stdin ends: `culprit.py KIND DIR
[TITLE]`, where the title takes the place of the command line, as Perl's `$0`
does. Speaks as the workloads in work/ do, but begins at once."""

import fcntl
import json
import mmap
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid

MIB = 1 << 20


def goes_on():
    """Until somebody closes stdin."""
    return not select.select([sys.stdin], [], [], 0)[0]


def churn(directory):
    """A service whose thread makes files for each request, and removes them."""

    def serve():
        while True:
            request = os.path.join(directory, str(uuid.uuid4()))
            os.mkdir(request)
            names = [os.path.join(request, f"{index}.txt") for index in range(50)]
            for name in names:
                with open(name, "wb") as file:
                    file.write(b"x" * 40000)
            for name in names:
                with open(name, "rb") as file:
                    file.read()
            shutil.rmtree(request)
            yield

    served = serve()
    worker = threading.Thread(
        target=lambda: [next(served) for _ in iter(goes_on, False)], name="svc-worker"
    )
    worker.start()
    yield
    worker.join()


def cached(directory):
    """Reads a file that is in the cache."""
    name = os.path.join(directory, "cached")
    with open(name, "wb") as file:
        file.write(b"c" * (16 * MIB))
        os.fsync(file.fileno())
    file = os.open(name, os.O_RDONLY)
    yield
    while goes_on():
        for at in range(0, 16 * MIB, MIB):
            os.pread(file, MIB, at)
        yield


def busy(_):
    """Keeps a CPU."""
    yield
    while goes_on():
        sum(range(100000))
        yield


def app(directory):
    """Makes much ado of little: many small reads and writes in the cache."""
    name = os.path.join(directory, "app.state")
    file = os.open(name, os.O_RDWR | os.O_CREAT)
    yield
    while goes_on():
        for number in range(100):
            os.pwrite(file, b"s" * 100, number * 100)
            os.pread(file, 100, number * 100)
        time.sleep(0.02)
        yield


def log(directory):
    """Writes a log as if there were no tomorrow."""
    file = open(os.path.join(directory, "server.log"), "ab")
    line = b"ERROR: this can not be, but it is so again and again\n" * 5000
    yield
    while goes_on():
        file.write(line)
        file.flush()
        if file.tell() % (64 * MIB) < len(line):
            os.fdatasync(file.fileno())
        time.sleep(0.005)
        yield


def wal(directory):
    """A database whose log grows, for a reader never ends its transaction."""
    import sqlite3  # Not every Python has it.

    name = os.path.join(directory, "app.db")
    base = sqlite3.connect(name, isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB)")
    base.execute("INSERT INTO t(v) VALUES('first')")
    reader = sqlite3.connect(name, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchall()
    yield
    while goes_on():
        base.execute("BEGIN")
        for _ in range(20):
            base.execute("INSERT INTO t(v) VALUES(randomblob(50000))")
        base.execute("COMMIT")
        yield


def sync(directory):
    """Small writes, for each of which the disk has to work."""
    file = os.open(os.path.join(directory, "journal.db"), os.O_RDWR | os.O_CREAT)
    os.pwrite(file, b"j" * (4 * MIB), 0)
    os.fsync(file)
    number = 0
    yield
    while goes_on():
        os.pwrite(file, b"s" * 4096, number % 1024 * 4096)
        os.fdatasync(file)
        number += 1
        yield


def rewrite(directory):
    """One file that is written anew again and again, and replaced."""
    name = os.path.join(directory, "state.json")
    content = b"r" * (2 * MIB)
    yield
    while goes_on():
        with open(name + ".new", "wb") as file:
            file.write(content)
            file.flush()
            os.fdatasync(file.fileno())
        os.rename(name + ".new", name)
        yield


def names(directory):
    """Names, but no bytes, and no file that ends."""
    path = [os.path.join(directory, f"n{number}") for number in range(100)]
    for name in path:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT))
    yield
    while goes_on():
        for name in path:
            os.close(os.open(name, os.O_RDONLY))
            os.rename(name, name + "x")
            os.close(os.open(name + "x", os.O_RDONLY))
            os.rename(name + "x", name)
        yield


def scan(directory):
    """Reads a file past the cache from one end to the other, at 12 MiB/s or more."""
    name = os.path.join(directory, "disk.raw")
    size = 160 * MIB
    with open(name, "wb") as file:
        for _ in range(size // MIB):
            file.write(b"d" * MIB)
        os.fsync(file.fileno())
    file = os.open(name, os.O_RDONLY | os.O_DIRECT)
    memory = mmap.mmap(-1, MIB)
    at = 0
    yield
    while goes_on():
        os.preadv(file, [memory], at % size)
        at += MIB
        time.sleep(0.02)
        yield


def make_tree(directory):
    """Files of 1 MiB that are on the disk."""
    names = [os.path.join(directory, f"part-{number}") for number in range(160)]
    for name in names:
        with open(name, "wb") as file:
            file.write(os.urandom(MIB))
            os.fsync(file.fileno())
    return names


def leave_cache(names):
    for name in names:
        file = os.open(name, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def lasts(words):
    """Runs a program to its end, or to that of stdin."""
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=sys.stderr) as program:
        while program.poll() is None:
            if not goes_on():
                program.terminate()
                return
            time.sleep(0.01)
        if program.returncode:
            raise subprocess.CalledProcessError(program.returncode, words)


def tar(directory):
    """Lets tar pack a tree that is not in the cache, for somebody who takes his time."""
    names = make_tree(directory)
    yield
    while goes_on():
        leave_cache(names)
        words = ["tar", "cf", "-", "-C", directory, "."]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as packer:
            while goes_on() and packer.stdout.read(MIB):
                time.sleep(0.03)
            packer.kill()
        yield


def rsync(directory):
    """Lets rsync copy such a tree, again and again."""
    source, copy = (os.path.join(directory, name) for name in ("source", "copy"))
    os.mkdir(source)
    names = make_tree(source)
    yield
    while goes_on():
        leave_cache(names)
        shutil.rmtree(copy, ignore_errors=True)
        lasts(["rsync", "--archive", "--bwlimit=30m", source + "/", copy])
        yield


def updatedb(directory):
    """Lets updatedb go through directories that are not in the cache."""
    tree, base = (os.path.join(directory, name) for name in ("tree", "base"))
    for number in range(3000):
        name = os.path.join(tree, str(number % 50), str(number))
        os.makedirs(name)
        open(os.path.join(name, "file"), "wb").close()
    os.sync()
    yield
    while goes_on():
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3")
        no_pruning = ["--prunepaths", "", "--prune-bind-mounts", "no"]
        lasts(["updatedb.plocate", "-U", tree, "-o", base, "-l", "0", *no_pruning])
        yield


def apt(directory):
    """Lets apt-get install a package below a root of its own, again and again."""
    tree, root = (os.path.join(directory, name) for name in ("tree", "root"))
    package = os.path.join(directory, "bulk.deb")
    os.makedirs(os.path.join(tree, "DEBIAN"))
    with open(os.path.join(tree, "DEBIAN/control"), "w") as file:
        file.write(
            "Package: bulk\nVersion: 1\nArchitecture: all\n"
            "Maintainer: nobody <nobody@localhost>\nDescription: bulk\n"
        )
    share = os.path.join(tree, "usr/share/bulk")
    os.makedirs(share)
    make_tree(share)
    lasts(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, package])
    shutil.rmtree(tree)
    for part in (
        "etc/apt/sources.list.d",
        "etc/apt/preferences.d",
        "var/cache/apt/archives/partial",
        "var/lib/apt/lists/partial",
        "var/lib/dpkg/info",
        "var/lib/dpkg/updates",
        "var/log/apt",
    ):
        os.makedirs(os.path.join(root, part))
    status = os.path.join(root, "var/lib/dpkg/status")
    open(status, "w").close()
    settings = [
        f"Dir={root}",
        f"Dir::State::status={status}",
        f"Dir::Etc={root}/etc/apt",
        "Dir::Bin::dpkg=/usr/bin/dpkg",
        f"DPkg::Options::=--root={root}",
        # A small system has no ldconfig.
        "DPkg::Options::=--force-bad-path",
    ]
    settings = [word for setting in settings for word in ("-o", setting)]
    yield
    while goes_on():
        leave_cache([package])
        lasts(["apt-get", "-q2", "--yes", "--reinstall", *settings, "install", package])
        yield


def write(directory):
    """Writes past the cache, to one place, nothing special."""
    file = os.open(
        os.path.join(directory, "bulk"), os.O_WRONLY | os.O_CREAT | os.O_DIRECT
    )
    memory = mmap.mmap(-1, MIB)
    yield
    while goes_on():
        os.pwritev(file, [memory], 0)
        time.sleep(0.02)
        yield


def idle(_):
    """Does nothing."""
    yield
    select.select([sys.stdin], [], [])


def lock(directory):
    """Holds the lock of vzdump, and does nothing more."""
    name = "/run/vzdump.lock"
    is_new = not os.path.exists(name)
    file = os.open(name, os.O_WRONLY | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    yield
    select.select([sys.stdin], [], [])
    if is_new:
        os.unlink(name)


def give_title(title):
    """Writes over what the kernel shows as the command line."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b") ")[2].split()
    start, end = int(fields[45]), int(fields[46])
    title = os.fsencode(title)
    with open("/proc/self/mem", "r+b", 0) as memory:
        memory.seek(start)
        memory.write(title.ljust(end - start, b"\0"))
    with open("/proc/self/comm", "wb") as file:
        file.write(title.split(b" ")[0].rpartition(b"/")[2])


def main():
    signal.alarm(300)  # Nobody may have to end it.
    kinds = [churn, cached, busy, app, log, wal, sync, rewrite, names, scan, write, idle, lock]
    programs = [tar, rsync, updatedb, apt]
    kind = {kind.__name__: kind for kind in kinds + programs}[sys.argv[1]]
    for title in sys.argv[3:]:
        give_title(title)
    steps = kind(sys.argv[2])
    next(steps)
    ids = {"pid": os.getpid(), "tid": threading.get_native_id()}
    print(json.dumps(ids), flush=True)
    rounds = sum(1 for _ in steps)
    print(json.dumps({**ids, "rounds": rounds}), flush=True)


main()
