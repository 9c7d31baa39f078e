//! Every way into a file is seen, with the bytes that moved, or named as not seen.
//!
//! Nothing is filtered, so that what the kernel does below (in threads of its own, to files of
//! overlays and loop devices) would show; each row of a workload's process, or of a file in the
//! scenario's directory, has to be one that the workload counted.

pub mod gaps;
mod judge;
mod layers;
mod opens;
pub mod places;

use std::path::Path;

use anyhow::Result;
use serde::de::DeserializeOwned;

use super::Scenario;
use crate::harness::{Context, OF_OTHERS, Rows, Skip, Tracer, Workload, plain};
use crate::work::PathsReport;
use gaps::Here;
use judge::{AllFiles, judge};
use places::{LoopDevice, Mounted};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "paths_calls",
        proves: "reads and writes with one buffer and with many, through the page cache and without \
                 it, count what they returned",
        run: |context| on_disk(context, &["plain", "vectors", "direct"]),
    },
    Scenario {
        name: "paths_io_uring",
        proves: "each completed read and write of io_uring counts for the thread that submitted it: \
                 with one and many buffers, registered ones and files, without the page cache, by \
                 workers, by the thread that polls",
        run: |context| on_disk(context, URING),
    },
    Scenario {
        name: "paths_aio",
        proves: "each completed operation of Linux AIO counts for the thread that submitted it; with \
                 the syscall backend for the one that fetches its result",
        run: |context| on_disk(context, AIO),
    },
    Scenario {
        name: "paths_copies",
        proves: "sendfile, splice and copy_file_range count as a read of the one file and a write of \
                 the other",
        run: |context| on_disk(context, COPIES),
    },
    Scenario {
        name: "paths_on_tmpfs",
        proves: "the same in memory",
        run: on_tmpfs,
    },
    Scenario {
        name: "paths_reflink",
        proves: "blocks that files share count as cloned bytes, and nothing as read or written",
        run: reflink,
    },
    Scenario {
        name: "paths_mapped",
        proves: "`top --mmap` counts the page faults that read a mapped file, and first writes to its \
                 pages",
        run: |context| {
            let dir = context.make_dir("mapped")?;
            go(context, &dir, "", &MAPPED, &["--mmap"], &[])
        },
    },
    Scenario {
        name: "paths_kernel_reads",
        proves: "what the kernel reads of a script, its program and its loader as they are executed",
        run: |context| on_disk(context, &["kernel_reads"]),
    },
    Scenario {
        name: "paths_block_device",
        proves: "a disk that is read and written as a file counts, and the file behind a loop device \
                 does not",
        run: block_device,
    },
    Scenario {
        name: "paths_above_4_gib",
        proves: "offsets, operations and sums above what 32 bits hold",
        run: |context| {
            let dir = context.make_dir("large")?;
            let ways = ["above_4_gib", "above_4_gib_read", "above_4_gib_written"];
            go(context, &dir, "", &ways, &["--all-files"], &[])
        },
    },
    Scenario {
        name: "paths_of_children",
        proves: "the same ways by processes that were forked",
        run: |context| {
            let dir = context.make_dir("children")?;
            let ways = ["vectors", "uring", "sendfile"];
            go(context, &dir, "/forked", &ways, &[], &["--fork"])
        },
    },
    layers::OVERLAY,
    layers::COPIED_UP,
    layers::LAYERS,
    opens::OPENS,
];

const URING: &[&str] = &[
    "uring",
    "uring_vectors",
    "uring_fixed_buffers",
    "uring_fixed_files",
    "uring_direct",
    "uring_direct_fixed",
    "uring_worker",
    "uring_sqpoll",
];
const AIO: &[&str] = &["aio", "aio_direct", "aio_other_reaper", "aio_user_reaped"];
const COPIES: &[&str] = &["sendfile", "splice", "copy_file_range"];
const MAPPED: [&str; 3] = ["mapped_reads", "mapped_reads_cold", "mapped_writes"];

/// On the file system that the scenarios were given.
fn on_disk(context: &Context, ways: &[&str]) -> Result<()> {
    let dir = context.make_dir("disk")?;
    go(context, &dir, "", ways, &[], &[])
}

fn on_tmpfs(context: &Context) -> Result<()> {
    Skip::unless_root("nothing can be mounted")?;
    let tmpfs = or_untried("plain/tmpfs", Mounted::tmpfs(context, "memory"))?;
    let ways = ["plain", "vectors", "direct", "uring", "aio"];
    let ways = [&ways, COPIES].concat();
    go(context, tmpfs.path(), "/tmpfs", &ways, &[], &[])
}

/// On the given file system if it can, on one made for it otherwise.
fn reflink(context: &Context) -> Result<()> {
    let dir = context.make_dir("disk")?;
    if places::shares_blocks(&dir)? {
        return go(context, &dir, "", &["reflink"], &[], &[]);
    }
    Skip::unless_root("nothing can be mounted")?;
    let made = or_untried("reflink", Mounted::sharing_blocks(context, "shared"))?;
    go(context, made.path(), "", &["reflink"], &[], &[])?;
    // There, this shares blocks too, but is asked to move bytes.
    go(
        context,
        made.path(),
        "/reflink",
        &["copy_file_range"],
        &[],
        &[],
    )
}

fn block_device(context: &Context) -> Result<()> {
    Skip::unless_root("no device can be made")?;
    let dir = context.make_dir("device")?;
    let device = LoopDevice::make(context, "backing", 8 << 20, &[]);
    let device = or_untried("block_device", device)?;
    let options = ["--device", plain(device.path())?];
    go(context, &dir, "", &["block_device"], &[], &options)
}

/// Names a way that can not be tried, for the table of ways.
fn or_untried<T>(way: &str, made: Result<T>) -> Result<T> {
    if let Err(error) = &made
        && let Some(reason) = error.downcast_ref::<Skip>()
    {
        println!("untried: {way}: {reason}");
    }
    made
}

/// Goes the ways under the eyes of `top`, and compares.
fn go(
    context: &Context,
    dir: &Path,
    suffix: &str,
    ways: &[&str],
    top: &[&str],
    work: &[&str],
) -> Result<()> {
    let (report, seen, here) = watch(context, dir, ways, top, work)?;
    let all_files = match top.contains(&"--all-files") {
        true => AllFiles::Yes,
        false => AllFiles::No,
    };
    judge(context.dir(), &here, suffix, &report, &seen.rows, all_files)
}

/// What was done, what was seen, and what need not be.
fn watch(
    context: &Context,
    dir: &Path,
    ways: &[&str],
    top: &[&str],
    work: &[&str],
) -> Result<(PathsReport, Rows, Here)> {
    let mut command = vec!["paths", "--dir", plain(dir)?];
    for way in ways {
        command.extend(["--way", *way]);
    }
    command.extend(work);
    let workload = Workload::start(context, &command)?;
    trace(context, workload, &[top, &["0.2"]].concat())
}

/// Lets `top` watch a workload from its begin to its end.
pub fn trace<R: DeserializeOwned>(
    context: &Context,
    mut workload: Workload,
    options: &[&str],
) -> Result<(R, Rows, Here)> {
    let tracer = Tracer::start(context, "top", options, Rows::allowing(OF_OTHERS))?;
    let here = Here::new(context, tracer.unseen()?)?;
    workload.go()?;
    let report = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    Ok((report, seen, here))
}
