//! Backend `syscall`: AIO, as a thread takes its completions. (The other backends see the
//! completions themselves.) What is read is the caller's own request, which belongs to the
//! program again by then, but is rarely used for another before this call returns.

use aya_ebpf::helpers::bpf_probe_read_user;
use iotrace_common::{Hook, Loss};

use crate::{
    batch::Batch,
    emit,
    kernel::{Registers, offset},
    rounds::{self, Rounds},
};

/// Most completions of one call that are looked at.
const BATCH: u64 = 32;

/// `struct io_event` (include/uapi/linux/aio_abi.h).
#[repr(C)]
#[derive(Clone, Copy)]
struct IoEvent {
    data: u64,
    /// Address of the request.
    object: u64,
    result: i64,
    result2: i64,
}

/// `struct iocb`, its begin.
#[repr(C)]
#[derive(Clone, Copy)]
struct Iocb {
    data: u64,
    key_and_flags: u64,
    opcode: u16,
    priority: u16,
    fd: u32,
}

// `IOCB_CMD_` (include/uapi/linux/aio_abi.h) as sets: each comparison less is a way less for the
// verifier, in each step of the loop.
/// `PREAD`, `PREADV`.
const READS: u32 = 1 | 1 << 7;
/// `PWRITE`, `PWRITEV`.
const WRITES: u32 = 1 << 1 | 1 << 8;

/// `io_getevents(context, least, most, events, ...)` returned so many completions.
#[inline(always)]
pub fn getevents(batch: &mut Batch, registers: Registers, count: u64) -> Result<(), Loss> {
    let events = registers.argument(offset!(regs_arg[3]))? as *const IoEvent;
    let mut completions = Completions {
        batch,
        events,
        count,
    };
    rounds::run(BATCH as u32, &mut completions);
    if count > BATCH {
        emit::lost_many(Hook::Read, Loss::AioBatch, count - BATCH);
    }
    Ok(())
}

/// What a call brought.
struct Completions<'a> {
    batch: &'a mut Batch,
    events: *const IoEvent,
    count: u64,
}

impl Rounds for Completions<'_> {
    #[inline(always)]
    fn round(&mut self, number: u32) -> bool {
        if u64::from(number) >= self.count {
            return true;
        }
        let event = self.events.wrapping_add(number as usize);
        if let Err(loss) = one(self.batch, event) {
            emit::lost(Hook::Read, loss);
        }
        false
    }
}

#[inline(always)]
fn one(batch: &mut Batch, event: *const IoEvent) -> Result<(), Loss> {
    // SAFETY: the helper checks the addresses.
    let (event, iocb) = unsafe {
        let event = bpf_probe_read_user(event).map_err(|_| Loss::ReadFailed)?;
        let iocb = bpf_probe_read_user(event.object as *const Iocb);
        (event, iocb.map_err(|_| Loss::ReadFailed)?)
    };
    let bit = 1_u32 << (iocb.opcode & 31);
    if event.result >= 0 && bit & (READS | WRITES) != 0 && iocb.opcode < 32 {
        batch.put(iocb.fd, u32::from(bit & WRITES != 0), event.result as u64);
    }
    Ok(())
}
