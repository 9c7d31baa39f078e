//! Constants that the loader writes into the instructions of the programs.
//!
//! A program that wants one has an instruction there that loads a placeholder of 64 bits
//! (`BPF_LD | BPF_IMM | BPF_DW`): [`WANTED`], and where in [`Constants`] the value stands. The loader
//! replaces it. A value out of `.rodata`, to the verifier a constant too, would be loaded from
//! memory each time that it is used.

use core::mem::size_of;

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

/// Where the bytes of a value stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Offset in [`Constants`], in bytes.
    pub offset: usize,
    /// 4 or 8 bytes.
    pub size: usize,
    /// Two instructions follow that add a base to it and load from there: the loader makes one of
    /// the three.
    pub folds: bool,
}

const SIZE_SHIFT: u32 = 16;
const FOLDS: u32 = 1 << 31;

impl Constant {
    /// The placeholder of this value.
    pub const fn placeholder(self) -> u64 {
        let folds = if self.folds { FOLDS as u64 } else { 0 };
        (WANTED as u64) << 32 | folds | (self.size as u64) << SIZE_SHIFT | self.offset as u64
    }

    /// The value that a placeholder stands for. `None` for another number.
    pub const fn of(placeholder: u64) -> Option<Self> {
        let folds = placeholder as u32 & FOLDS != 0;
        let size = ((placeholder as u32 & !FOLDS) >> SIZE_SHIFT) as usize;
        let offset = (placeholder as usize) & ((1 << SIZE_SHIFT) - 1);
        let known = (size == 4 || size == 8) && offset + size <= size_of::<Constants>();
        if (placeholder >> 32) as u32 == WANTED && known {
            Some(Self {
                offset,
                size,
                folds,
            })
        } else {
            None
        }
    }
}

pod!(Constants);

// No padding: an odd number of offsets needs a member beside them.
const _: () = assert!(size_of::<Constants>() == size_of::<Settings>() + size_of::<Layout>());
const _: () = assert!(size_of::<Constants>() < 1 << SIZE_SHIFT);
