//! What one system call did, gathered before it is counted: backend `syscall`, where one program
//! serves all calls. In map memory, so that all of them are one to the verifier from there on.

use iotrace_common::{Hook, Loss};

use crate::{
    count::{Direction, Ops},
    descriptor, emit, filter,
    kernel::Task,
    maps::BATCH,
    pending,
};

/// Most pairs of descriptor and direction of one call.
const PARTS: usize = 4;

/// Operations of one call, by descriptor and direction.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Batch {
    used: u64,
    parts: [Part; PARTS],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Part {
    fd: u32,
    direction: u32,
    ops: u64,
    bytes: u64,
}

impl Batch {
    /// This CPU's, empty.
    #[inline(always)]
    pub fn begin() -> Option<&'static mut Self> {
        let batch = BATCH.get_ptr_mut(0)?;
        // SAFETY: only the program of the syscall backend uses it, which the kernel
        // does not nest into itself.
        let batch = unsafe { &mut *batch };
        batch.used = 0;
        Some(batch)
    }

    /// Takes in an operation of a direction ([`crate::count::Op`]).
    #[inline(always)]
    pub fn put(&mut self, fd: u32, direction: u32, bytes: u64) {
        for at in 0..PARTS {
            let part = &mut self.parts[at];
            if at as u64 >= self.used {
                *part = Part {
                    fd,
                    direction,
                    ops: 1,
                    bytes,
                };
                self.used = at as u64 + 1;
                return;
            }
            if part.fd == fd && part.direction == direction {
                part.ops += 1;
                part.bytes += bytes;
                return;
            }
        }
        emit::lost(Hook::Read, Loss::AioBatch);
    }

    /// Counts all of it for `task`, the current thread; the files are to be named.
    #[inline(always)]
    pub fn count(&self, task: &Task) {
        pending::begin(Hook::Read);
        for (at, part) in self.parts.iter().enumerate() {
            if at as u64 >= self.used {
                break;
            }
            let ops = Ops {
                direction: Direction::Told(part.direction),
                count: part.ops,
                bytes: part.bytes,
            };
            if filter::admits_told(part.direction) {
                descriptor::transfer(Hook::Read, task, part.fd, ops);
            }
        }
    }
}
