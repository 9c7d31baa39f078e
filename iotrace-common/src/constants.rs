//! Constants that the loader writes into the instructions of the programs.
//!
//! A program that wants one has an instruction there that loads a placeholder of 64 bits
//! (`BPF_LD | BPF_IMM | BPF_DW`): [`WANTED`], and where in [`Constants`] the value stands. The loader
//! replaces it. A value out of `.rodata`, to the verifier a constant too, would be loaded from
//! memory each time that it is used.

use core::mem::{align_of, size_of};

use crate::{Layout, Settings, pod};

/// All of them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Constants {
    /// Filters and switches.
    pub settings: Settings,
    /// Offsets.
    pub layout: Layout,
}

/// The upper half of a placeholder: no address and no number of ours begins so.
pub const WANTED: u32 = 0x1072_ace5;

/// Number of the helper that stands for `bpf_rdonly_cast` ([`Settings::cast`]): the loader makes a call of
/// a kernel function of it. No kernel has so many helpers.
pub const CAST_HELPER: u32 = 0x0072_ace5;

/// Where a value stands, of 32 bits as all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Offset in [`Constants`], in bytes.
    pub offset: usize,
    /// Two instructions follow that add a base to it and load from there: the loader makes one of
    /// the three.
    pub folds: bool,
}

const FOLDS: u32 = 1 << 31;

impl Constant {
    /// The placeholder of this value.
    pub const fn placeholder(self) -> u64 {
        let folds = if self.folds { FOLDS as u64 } else { 0 };
        (WANTED as u64) << 32 | folds | self.offset as u64
    }

    /// The value that a placeholder stands for. `None` for another number.
    pub const fn of(placeholder: u64) -> Option<Self> {
        let folds = placeholder as u32 & FOLDS != 0;
        let offset = (placeholder as u32 & !FOLDS) as usize;
        let known = offset + 4 <= size_of::<Constants>();
        if (placeholder >> 32) as u32 == WANTED && known {
            Some(Self { offset, folds })
        } else {
            None
        }
    }
}

pod!(Constants);

// No padding.
const _: () = assert!(align_of::<Constants>() == 4);
