//! The wire contract between the kernel programs (`iotrace-ebpf`) and the
//! loader (`iotrace`): records, counter keys, settings and loss causes.
//!
//! Everything here is `repr(C)` with explicit padding, integers and byte
//! arrays only, so that both sides read the same bytes and no kernel memory
//! leaks through a hole. Bare nouns (`Event`, `File`, ...) belong to user space;
//! the names of this crate do not reach past `iotrace::decode`.
#![no_std]

mod constants;
mod counter;
mod layout;
mod loss;
mod near;
mod record;
mod settings;

pub use constants::{CAST_HELPER, Constant, Constants, WANTED};
pub use counter::{
    OpTotal, ROW_FREE, ROW_KNOWN, ROW_NEW, Row, RowKey, RowKind, RowPlace, Run, Slot, Tick, Totals,
};
pub use layout::{ABSENT, Feature, Layout, NameCall};
pub use loss::{Hook, Loss, Losses};
pub use near::{ENTRY_WORDS, FILE_WORDS, INODE_WORDS, Near, SHORT_NAME};
pub use record::{
    COMM_LEN, Change, ChangeRecord, DIRECTION_SYNC, EachRecord, ExitRecord, FileId, FileRecord,
    NAME_CAP, NAME_TICKS, OpenRecord, PATH_CAP, PATH_STEPS, RECORD_CHANGE, RECORD_EACH,
    RECORD_EXIT, RECORD_FILE, RECORD_OPEN, RENAME_EXCHANGE, TaskUsage, UNKNOWN, Via, path_flag,
    wakes,
};
pub use settings::{CALL_PLACED, CALL_SIZED, SYSCALL_TABLE, Settings, Syscall};

/// Implements `aya::Pod` for wire types, in user space only.
macro_rules! pod {
    ($($ty:ty),* $(,)?) => {
        $(
            // SAFETY: `repr(C)`, integers and arrays of integers only, padding
            // is explicit (the size assertions of each module prove it).
            #[cfg(feature = "user")]
            unsafe impl aya::Pod for $ty {}
        )*
    };
}
pub(crate) use pod;
