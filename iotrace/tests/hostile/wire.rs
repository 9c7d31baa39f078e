//! Records as the kernel programs write them, byte by byte, and what they mean,
//! written down in another way than the decoder does it.

use iotrace_common::{
    COMM_LEN, Change, RECORD_CHANGE, RECORD_EACH, RECORD_FILE, RECORD_OPEN, path_flag,
};
use proptest::{collection::vec, prelude::*};

/// What a walk to the root has found.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Names from the root down.
    pub names: Vec<Vec<u8>>,
    /// The caller's own string.
    pub own: Option<Vec<u8>>,
    pub cut: bool,
    pub outside: bool,
    pub deleted: bool,
    /// The last entry was a root that hangs nowhere, which is called "/".
    pub root: bool,
}

impl Walk {
    pub fn flags(&self) -> u32 {
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        flag(self.cut, path_flag::CUT)
            | flag(self.deleted, path_flag::DELETED)
            | flag(self.outside, path_flag::OUTSIDE)
            | flag(self.own.is_some(), path_flag::CLAIMED)
    }

    /// The bytes behind a record's head.
    pub fn bytes(&self) -> Vec<u8> {
        let root: Option<&[u8]> = self.root.then_some(b"/");
        let names = self.names.iter().rev().map(Vec::as_slice);
        let all = self.own.as_deref().into_iter().chain(names).chain(root);
        all.flat_map(|name| [name, b"\0"].concat()).collect()
    }

    /// The path that it is, if any of it is known.
    pub fn path(&self) -> Option<Vec<u8>> {
        let whole = !self.cut && !self.outside;
        let names = self.names.join(&b'/');
        let path = match &self.own {
            Some(own) if own.starts_with(b"/") => own.clone(),
            Some(own) if self.names.is_empty() && self.cut => own.clone(),
            Some(own) if self.names.is_empty() => [b"/", own.as_slice()].concat(),
            Some(own) => {
                let slash: &[u8] = if whole { b"/" } else { b"" };
                [slash, &names, b"/", own].concat()
            }
            None if whole => [b"/", names.as_slice()].concat(),
            None => names,
        };
        match path.is_empty() {
            true if self.cut => None,
            true => Some(b"/".to_vec()),
            false => Some(path),
        }
    }
}

/// Any walk.
pub fn walk() -> impl Strategy<Value = Walk> {
    let name = |least: usize| {
        vec(any::<u8>(), least..12).prop_map(|mut name| {
            name.iter_mut()
                .filter(|byte| matches!(**byte, 0 | b'/'))
                .for_each(|byte| *byte = b' ');
            name
        })
    };
    let own = (name(0), any::<bool>()).prop_map(|(own, absolute)| {
        let slash: &[u8] = if absolute { b"/" } else { b"" };
        [slash, &own].concat()
    });
    let flags = any::<(bool, bool, bool, bool)>();
    (vec(name(1), 0..8), proptest::option::of(own), flags).prop_map(
        |(names, own, (cut, outside, deleted, root))| Walk {
            names,
            own,
            cut,
            outside,
            deleted,
            root,
        },
    )
}

/// Any name of a thread: bytes up to a NUL.
pub fn comm() -> impl Strategy<Value = Vec<u8>> {
    vec(1..=u8::MAX, 0..COMM_LEN)
}

/// The file of all records here.
pub const INO: u64 = 0x0123_4567_89ab_cdef;
/// Its device, as the kernel has it, and its numbers.
pub const DEV: (u32, u32, u32) = (259 << 20 | 70_000, 259, 70_000);
/// Its generation.
pub const GENERATION: u32 = 0x89ab_cdef;

fn words(numbers: &[u32]) -> Vec<u8> {
    let bytes = numbers.iter().map(|number| number.to_ne_bytes());
    bytes.flatten().collect()
}

fn longs(numbers: &[u64]) -> Vec<u8> {
    let bytes = numbers.iter().map(|number| number.to_ne_bytes());
    bytes.flatten().collect()
}

/// The name of a file, with bytes behind it that belong to nothing.
pub fn name_record(flags: u32, path: &[u8]) -> Vec<u8> {
    [
        &words(&[RECORD_FILE, flags]),
        &longs(&[INO]),
        &words(&[DEV.0, GENERATION, path.len() as u32, 0]),
        path,
        b"behind",
    ]
    .concat()
}

/// An open by process 1, thread 2 and user 3.
pub fn open_record(flags: u32, result: i32, comm: &[u8], path: &[u8]) -> Vec<u8> {
    let mut padded = [0; COMM_LEN];
    padded[..comm.len()].copy_from_slice(comm);
    [
        &words(&[RECORD_OPEN, flags]),
        &longs(&[4, INO]),
        &words(&[DEV.0, GENERATION]),
        &longs(&[libc::O_CREAT as u64, 5, 7]),
        &words(&[1, 2, 3, 6]),
        &padded[..],
        &result.to_ne_bytes(),
        &words(&[0o100_640, libc::S_IFREG | 0o600, path.len() as u32]),
        path,
        b"behind",
    ]
    .concat()
}

/// A change by the same thread, of two files.
pub fn change_record(what: Change, flags: u32, path: &[u8]) -> Vec<u8> {
    let file = [longs(&[INO]), words(&[DEV.0, GENERATION])].concat();
    [
        &words(&[RECORD_CHANGE, flags]),
        &longs(&[4, 3]),
        &file,
        &file,
        &longs(&[2, 4096]),
        &words(&[1, 2, 3, what as u32]),
        &[b'c'; COMM_LEN][..],
        &words(&[libc::S_IFREG | 0o600, 1, path.len() as u32, 0]),
        path,
        b"behind",
    ]
    .concat()
}

/// A write by the same thread.
pub fn each_record() -> Vec<u8> {
    [
        &words(&[RECORD_EACH, 1]),
        &longs(&[4, 3]),
        &longs(&[INO]),
        &words(&[DEV.0, GENERATION]),
        &longs(&[8192, 4096, 4096, 1]),
        &words(&[1, 2, 3, libc::S_IFREG | 0o600]),
        &[b'c'; COMM_LEN][..],
        b"behind",
    ]
    .concat()
}
