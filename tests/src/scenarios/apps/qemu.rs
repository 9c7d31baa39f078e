//! QEMU and its tools on a disk image.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, ensure};

use super::fio::may_be_unseen;
use super::witness::{self, Witnessed};
use super::{make_file, program};
use crate::cli::Backend;
use crate::counts::{Counts, compare_but};
use crate::harness::{Context, plain};
use crate::scenarios::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "apps_qemu_img",
        proves: "`qemu-img bench` with threads, libaio and io_uring: the image's bytes and operations \
                 are those that were asked for",
        run: bench,
    },
    Scenario {
        name: "apps_qemu_machine",
        proves: "a virtual machine that is told over its monitor to read and write its disk, in the \
                 same three ways: likewise",
        run: machine,
    },
];

/// How QEMU reads and writes a file.
struct Way {
    name: &'static str,
    /// Its name in `unseen`.
    unseen: Option<&'static str>,
    /// strace sees it.
    is_calls: bool,
    /// Past the page cache: libaio can not do without.
    direct: bool,
}

const WAYS: [Way; 3] = [
    Way {
        name: "threads",
        unseen: None,
        is_calls: true,
        direct: false,
    },
    Way {
        name: "native",
        // QEMU takes what is done out of the ring that it shares with the kernel.
        unseen: Some("aio_user_reaped"),
        is_calls: false,
        direct: true,
    },
    Way {
        name: "io_uring",
        unseen: Some("io_uring"),
        is_calls: false,
        direct: false,
    },
];

const IMAGE_BYTES: usize = 4 << 20;

/// Operations of a benchmark, and the bytes of each.
const COUNT: u64 = 64;
const SIZE: u64 = 16 << 10;

/// `$1` is qemu-img; the images lie where it stands.
fn bench(context: &Context) -> Result<()> {
    let shell = program("sh")?;
    let qemu = program("qemu-img")?;
    let dir = context.make_dir("work")?;
    let mut script = format!("set -e\ncd {}\n", plain(&dir)?);
    let mut asked = Vec::new();
    for way in &WAYS {
        let cache = if way.direct { "none" } else { "writeback" };
        for (direction, option) in [("read", ""), ("write", "-w")] {
            let image = dir.join(format!("{}-{direction}", way.name));
            make_file(&image, IMAGE_BYTES)?;
            script += &format!(
                "\"$1\" bench -f raw -t {cache} -i {} -c {COUNT} -s {SIZE} -d 8 {option} {}\n",
                way.name,
                plain(&image)?
            );
            let counts = Counts {
                reads: COUNT,
                writes: COUNT,
                read_bytes: COUNT * SIZE,
                write_bytes: COUNT * SIZE,
            };
            let counts = match direction {
                "read" => counts.only_reads(),
                _ => counts.only_writes(),
            };
            asked.push((way, image, counts));
        }
    }
    let words = [plain(&shell)?, "-c", &script, "sh", plain(&qemu)?];
    let witnessed = witness::run(context, &words)?;
    for (way, image, counts) in &asked {
        check(context, &witnessed, image, way, *counts)?;
    }
    Ok(())
}

/// What the monitor is told, and what that does.
const MONITOR: [(&str, Counts); 6] = [
    (
        "write -P 1 0 64k",
        Counts {
            writes: 1,
            write_bytes: 64 << 10,
            ..Counts::ZERO
        },
    ),
    (
        "write -P 2 64k 4k",
        Counts {
            writes: 1,
            write_bytes: 4 << 10,
            ..Counts::ZERO
        },
    ),
    (
        "read -P 1 0 64k",
        Counts {
            reads: 1,
            read_bytes: 64 << 10,
            ..Counts::ZERO
        },
    ),
    (
        "writev -P 3 256k 4k 8k",
        Counts {
            writes: 1,
            write_bytes: 12 << 10,
            ..Counts::ZERO
        },
    ),
    (
        "aio_write -P 4 512k 32k",
        Counts {
            writes: 1,
            write_bytes: 32 << 10,
            ..Counts::ZERO
        },
    ),
    ("aio_flush", Counts::ZERO),
];

/// `$@` is the machine; its monitor is at stdin.
fn machine(context: &Context) -> Result<()> {
    let shell = program("sh")?;
    let qemu = program(&format!("qemu-system-{}", std::env::consts::ARCH))?;
    let dir = context.make_dir("work")?;
    let mut words = vec![
        "-machine",
        "none",
        "-S",
        "-nodefaults",
        "-display",
        "none",
        "-monitor",
        "stdio",
    ];
    let mut drives = Vec::new();
    let mut monitor = String::new();
    for way in &WAYS {
        let image = dir.join(way.name);
        make_file(&image, IMAGE_BYTES)?;
        let cache = if way.direct { "on" } else { "off" };
        drives.push(format!(
            "if=none,id={0},file={1},format=raw,aio={0},cache.direct={cache}",
            way.name,
            plain(&image)?
        ));
        for (command, _) in MONITOR {
            monitor += &format!("qemu-io {} \"{command}\"\n", way.name);
        }
    }
    for drive in &drives {
        words.extend(["-drive", drive]);
    }
    monitor += "quit\n";
    let script = "monitor=$1; shift; printf %s \"$monitor\" | \"$@\"";
    let command = [plain(&shell)?, "-c", script, "sh", &monitor, plain(&qemu)?];
    let witnessed = witness::run(context, &[&command[..], &words].concat())?;
    let asked = MONITOR.iter().map(|(_, counts)| *counts).sum();
    for way in &WAYS {
        check(context, &witnessed, &dir.join(way.name), way, asked)?;
    }
    Ok(())
}

/// What it was asked for is known; what else it reads, to find out about the file, strace tells.
fn check(
    context: &Context,
    witnessed: &Witnessed,
    image: &Path,
    way: &Way,
    asked: Counts,
) -> Result<()> {
    let name = image.display();
    let of_image = witnessed.log.done.iter();
    let of_image = of_image.filter(|((_, path), _)| path == image);
    let called: Counts = of_image.map(|(_, counts)| *counts).sum();
    let done = if way.is_calls { called } else { called + asked };
    ensure!(
        done.only_writes() == asked.only_writes() && asked.is_within(done),
        "{name}: asked was {asked}, but done {done}"
    );

    let traced = &witnessed.traced;
    if way.name == "native" {
        ensure!(
            traced.unseen.contains("aio_user_reaped") == (context.backend() == Backend::Syscall),
            "unseen is {:?}",
            traced.unseen
        );
    }
    let unseen = way.unseen.filter(|way| traced.unseen.contains(*way));
    ensure!(
        unseen.is_none_or(|way| may_be_unseen(context, way)),
        "{unseen:?} is unseen"
    );
    let is_seen = unseen.is_none();
    let rows = traced.seen.rows.iter();
    let rows: Vec<_> = rows
        .filter(|row| row.path().as_deref() == Some(image))
        .collect();
    let pids: BTreeSet<_> = rows.iter().map(|row| row.pid).collect();
    ensure!(
        pids.len() <= 1,
        "{name}: one process, but told are {pids:?}"
    );
    // What is not seen is not made up either.
    let expected = if is_seen { done } else { called };
    let seen: Counts = rows.iter().map(|row| row.counts).sum();
    println!(
        "     {}: {done}{}",
        image.file_name().unwrap_or_default().display(),
        if is_seen {
            ""
        } else {
            ", of which it says that it does not see all"
        }
    );
    let both = [expected, seen].map(|counts| BTreeMap::from([(name.to_string(), counts)]));
    compare_but(&both[0], &both[1], traced.seen.left_out())
}
