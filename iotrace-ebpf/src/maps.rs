//! All maps, with their memory. Sizes marked * are defaults that the loader
//! may change.
//!
//! | map | entries | bytes each (with the kernel's own) | memory |
//! | --- | --- | --- | --- |
//! | `ROWS` | 2 x 32,768 * | 96 | 6.3 MB |
//! | `PLACES_EVEN`, `PLACES_ODD` | 65,536 * | 80 + 16 | 6.3 MB each |
//! | `FREE_EVEN`, `FREE_ODD` | 512 to 32,768 * | 8 | up to 0.3 MB each |
//! | `NAMED` | 16,384, 1 for opens | 104 + 16 | 2 MB |
//! | `EVENTS` | 1 MiB * | | 1 MiB |
//! | `FILE_SCRATCH`, `OPEN_SCRATCH` | 16 * and 4 per CPU, 1 where not used | 8.5 KB | 136 KB per CPU |
//! | `TRANSFERS`, `OPENS` | 32,768 *, 1 with another `--backend` | 52 and 36 + 64 | 3.8 and 3.3 MB |
//! | `REQUESTS` | 8,192 *, 1 for opens | 64 + 48 | 0.9 MB |
//! | `BEGUN` | 8,192, 1 without changes | 68 + 48 | 0.9 MB |
//! | `CHANGE_SCRATCH` | 13 per CPU, 1 likewise | 8.6 KB | 111 KB per CPU |
//! | `EACH_BEGUN` | 8,192, 1 without `--each` | 36 + 48 | 0.7 MB |
//! | `MARKS` | 8,192 *, 1 without `--cache` | 48 + 48 | 0.8 MB |
//! | `FOLLOWED` | 8,192 *, 1 when nothing is followed | 64 | 0.5 MB |
//! | `TICK`, `TOTALS`, `LOSSES`, `BATCH`, `PENDING`, `EACH_SCRATCH`, `OWN_PROCESS` | 1 to 64 | up to 152, per CPU | little |
//! | `AYA_LOGS` (aya-log) | a page, 128 KiB with `-vv` | | 4 KB |

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, Queue, RingBuf},
};
use iotrace_common::{EachRecord, FileId, Hook, Losses, Row, RowKey, RowPlace, Run, Tick, Totals};

use crate::{
    aio::Request,
    batch::Batch,
    calls::{Call, OpenArgs, TransferArgs},
    change::{Begun, ChangeScratch},
    each::EachBegun,
    emit::{FileScratch, OpenScratch},
    file::Named,
    pending::Pending,
    storage::Mark,
};

/// Which half of the counters is written to. A variable (the map `.bss`) costs a load; an element of a
/// map of ours would cost a look-up.
#[unsafe(no_mangle)]
static mut TICK: Tick = Tick { epoch: 0, base: 0 };

/// The number of this tick.
#[inline(always)]
pub fn epoch() -> u32 {
    // SAFETY: read once, because user space changes it at any time.
    unsafe { core::ptr::read_volatile(&raw const TICK.epoch) }
}

/// [`Tick::base`].
#[inline(always)]
pub fn base() -> u32 {
    // SAFETY: likewise.
    unsafe { core::ptr::read_volatile(&raw const TICK.base) }
}

/// Counter rows: the first half for ticks with an even epoch, the second for the others. Mapped by
/// user space.
#[map]
pub static ROWS: Array<Row> = Array::with_max_entries(2 * 32_768, BPF_F_MMAPABLE);

/// Where the rows of ticks with an even epoch stand. Has room for as many keys of earlier ticks as there
/// are rows in one.
#[map]
pub static PLACES_EVEN: HashMap<RowKey, RowPlace> = HashMap::with_max_entries(2 * 32_768, 0);

/// Where those with an odd epoch stand.
#[map]
pub static PLACES_ODD: HashMap<RowKey, RowPlace> = HashMap::with_max_entries(2 * 32_768, 0);

/// Free rows of ticks with an even epoch. In runs, so that a CPU rarely comes here. (There is no
/// counter that CPUs could share: an atomic addition tells what was there from 5.12 on.)
#[map]
pub static FREE_EVEN: Queue<Run> = Queue::with_max_entries(32_768, 0);

/// Those of ticks with an odd epoch.
#[map]
pub static FREE_ODD: Queue<Run> = Queue::with_max_entries(32_768, 0);

/// Totals by hook, even and odd; then those of storage.
#[map]
pub static TOTALS: PerCpuArray<Totals> =
    PerCpuArray::with_max_entries(4 * Hook::COUNTING as u32, 0);

/// Accounts of threads when their operations began. One that is evicted is missed and told.
#[map]
pub static MARKS: LruHashMap<u32, Mark> = LruHashMap::with_max_entries(8_192, 0);

/// What was lost since the start, by hook and cause.
#[map]
pub static LOSSES: PerCpuArray<Losses> = PerCpuArray::with_max_entries(Hook::COUNT as u32, 0);

/// Files whose name went through the ring not long ago. Only a memory of what
/// need not be said again, so the evictions of an LRU map do no harm.
#[map]
pub static NAMED: LruHashMap<FileId, Named> = LruHashMap::with_max_entries(16_384, 0);

/// Reads and writes under way, by thread (kprobe backend).
#[map]
pub static TRANSFERS: HashMap<u32, Call<TransferArgs>> = HashMap::with_max_entries(32_768, 0);

/// Opens under way, by thread (kprobe backend).
#[map]
pub static OPENS: HashMap<u32, Call<OpenArgs>> = HashMap::with_max_entries(32_768, 0);

/// AIO requests under way, by the address of their `struct kiocb`.
#[map]
pub static REQUESTS: HashMap<u64, Request> = HashMap::with_max_entries(8_192, 0);

/// Processes of the followed command.
#[map]
pub static FOLLOWED: HashMap<u32, u8> = HashMap::with_max_entries(8_192, 0);

/// Answer of the program `own_process`.
#[map]
pub static OWN_PROCESS: Array<u32> = Array::with_max_entries(1, 0);

/// Records for user space.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Where file records are put together. One per hook: a program can be
/// preempted by that of another hook on its CPU, never by itself.
#[map]
pub static FILE_SCRATCH: PerCpuArray<FileScratch> =
    PerCpuArray::with_max_entries(Hook::COUNTING as u32, 0);

/// What one system call did.
#[map]
pub static BATCH: PerCpuArray<Batch> = PerCpuArray::with_max_entries(1, 0);

/// Files that wait for their names, by hook.
#[map]
pub static PENDING: PerCpuArray<Pending> = PerCpuArray::with_max_entries(Hook::COUNTING as u32, 0);

/// What threads are about to do with names. One that is evicted is missed; each entry is used
/// within the call that made it.
#[map]
pub static BEGUN: LruHashMap<u32, Begun> = LruHashMap::with_max_entries(8_192, 0);

/// Where change records are put together, likewise.
#[map]
pub static CHANGE_SCRATCH: PerCpuArray<ChangeScratch> =
    PerCpuArray::with_max_entries(Hook::CHANGING as u32, 0);

/// Reads and writes under way that are to be told. One that is evicted is told without its place.
#[map]
pub static EACH_BEGUN: LruHashMap<u32, EachBegun> = LruHashMap::with_max_entries(8_192, 0);

/// Where records of reads and writes are put together, by hook.
#[map]
pub static EACH_SCRATCH: PerCpuArray<EachRecord> =
    PerCpuArray::with_max_entries(Hook::COUNTING as u32, 0);

/// Where open records are put together, likewise.
#[map]
pub static OPEN_SCRATCH: PerCpuArray<OpenScratch> =
    PerCpuArray::with_max_entries(Hook::OPENING as u32, 0);
