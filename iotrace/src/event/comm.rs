//! Names of threads.

use std::{fmt, ops::Deref};

use bytes::Bytes;

/// Most bytes of a name (`TASK_COMM_LEN`, include/linux/sched.h).
const MOST: usize = 16;

/// Name of a thread, in any encoding. Every event has one, so it lies in place: to allocate it
/// costs more than all else that is done with it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Comm {
    /// Zeros behind the name: so the derived order is that of names.
    bytes: [u8; MOST],
    len: u8,
}

impl Comm {
    /// A name; `None` for what is longer than the kernel allows.
    pub fn new(name: &[u8]) -> Option<Self> {
        let mut comm = Self::default();
        comm.bytes.get_mut(..name.len())?.copy_from_slice(name);
        comm.len = name.len() as u8;
        Some(comm)
    }

    /// The bytes of a task, of which a NUL ends the name.
    pub fn of_task(bytes: &[u8; MOST]) -> Self {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(MOST);
        let mut comm = Self::default();
        comm.bytes[..end].copy_from_slice(&bytes[..end]);
        comm.len = end as u8;
        comm
    }
}

impl Deref for Comm {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len.into()]
    }
}

impl<const N: usize> From<&[u8; N]> for Comm {
    fn from(name: &[u8; N]) -> Self {
        const { assert!(N <= MOST) };
        let mut comm = Self::default();
        comm.bytes[..N].copy_from_slice(name);
        comm.len = N as u8;
        comm
    }
}

impl From<Comm> for Bytes {
    fn from(comm: Comm) -> Self {
        Self::copy_from_slice(&comm)
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_has_so_many_bytes_and_no_more() {
        assert_eq!(&*Comm::new(&[b'x'; 16]).expect("a name"), &[b'x'; 16]);
        assert_eq!(Comm::new(&[b'x'; 17]), None);
        assert_eq!(&*Comm::of_task(&[b'x'; 16]), &[b'x'; 16]);
        assert_eq!(Comm::of_task(b"a\0old name here\0"), Comm::from(b"a"));
    }

    proptest! {
        #[test]
        fn names_are_ordered_as_their_bytes(names: [[u8; 3]; 2], lengths in [0usize..4, 0..4]) {
            let [one, other] = [0, 1].map(|n| &names[n][..lengths[n]]);
            let order = Comm::new(one).cmp(&Comm::new(other));
            prop_assert_eq!(order, one.cmp(other));
        }
    }
}
