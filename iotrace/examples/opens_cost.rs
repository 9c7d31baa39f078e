//! What one open costs in user space: records as the kernel programs write them, decoded, folded
//! and printed to memory. How many instructions that are, valgrind counts:
//!
//!     cargo build --release -p iotrace --example opens_cost
//!     valgrind --tool=callgrind target/release/examples/opens_cost 20000 [--json]
//!
//! The difference between two runs with another number of records leaves out what is done once.
//! About 190 of a record's instructions are those of this program itself.

use clap::Parser as _;
use iotrace::{
    cli::{Cli, Command},
    commands::{View as _, opens::Opens},
    decode::{self, Record},
    event::Event,
    output::{Output, Screen},
};
use iotrace_common::{OpenRecord, RECORD_OPEN};

/// Records that are taken out of the ring before they are shown.
const BATCH: usize = 3000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let records = arguments.next().and_then(|count| count.parse().ok());
    let records: usize = records.expect("a number of records");
    let words = ["iotrace", "opens"].map(str::to_owned);
    let cli = Cli::parse_from(words.into_iter().chain(arguments));
    let Command::Opens(args) = cli.command else {
        unreachable!("`opens` stands there");
    };
    let mut view = Opens::new(args.config().expect("a config"), Screen::default());

    let mut out = Output::memory();
    let mut events = Vec::new();
    let mut left = records;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        for n in 0..batch {
            let bytes = std::hint::black_box(record(left + n));
            let Ok(Record::Open { open, .. }) = decode::record(&bytes) else {
                unreachable!("it is an open");
            };
            events.push(Event::Open(open));
        }
        for event in events.drain(..) {
            view.event(event, &mut out).expect("memory");
        }
        std::hint::black_box(out.buffer()).clear();
    }
    println!("{}", view.summary());
}

/// The kind of record that there is most of: a file is opened to be read.
fn record(n: usize) -> [u8; 160] {
    const PATH: &[u8] = b"libc.so.6\0x86_64-linux-gnu\0lib\0usr\0";
    let head = OpenRecord {
        kind: RECORD_OPEN,
        time_ns: 1_790_000_000_000_000_000 + n as u64 * 10_007,
        open_flags: (libc::O_CLOEXEC | libc::O_RDONLY) as u64,
        cgroup: 4711,
        tgid: 3920,
        tid: 21776,
        mount_ns: 4_026_531_841,
        comm: *b"python3\0\0\0\0\0\0\0\0\0",
        result: 3,
        file_mode: libc::S_IFREG | 0o644,
        path_len: PATH.len() as u32,
        cancelled: iotrace_common::UNKNOWN,
        file: iotrace_common::FileId {
            ino: 131_072,
            dev: 8 << 20 | 1,
            generation: 77,
        },
        ..OpenRecord::default()
    };
    let mut bytes = [0; 160];
    // SAFETY: a record is its bytes, without gaps, and there is room for them.
    unsafe {
        bytes
            .as_mut_ptr()
            .cast::<OpenRecord>()
            .write_unaligned(head)
    };
    bytes[size_of::<OpenRecord>()..][..PATH.len()].copy_from_slice(PATH);
    bytes
}
