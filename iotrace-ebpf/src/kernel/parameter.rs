//! Arguments of a function, in the registers at its entry.

use core::arch::asm;

use aya_ebpf::{EbpfContext as _, programs::ProbeContext};
use iotrace_common::Loss;

use super::{Probe, Ptr, Read};

/// The argument at an offset ([`iotrace_common::Layout::regs_param`]) of the saved registers.
///
/// They are the program's context, from which the verifier (5.10 to 7.2) has loads whose
/// instruction itself holds the offset. So there is one for each offset that x86_64 and aarch64
/// have, of which it removes all but that of the running kernel; what another kernel may have is
/// read with a call.
#[inline(always)]
pub fn parameter(ctx: &ProbeContext, offset: u32) -> Result<u64, Loss> {
    let registers: Ptr = ctx.as_ptr().cast();
    Ok(match offset {
        // `di`, `si`, `dx`.
        112 => load::<112>(registers),
        104 => load::<104>(registers),
        96 => load::<96>(registers),
        // `regs[0]` to `regs[2]`.
        0 => load::<0>(registers),
        8 => load::<8>(registers),
        16 => load::<16>(registers),
        // SAFETY: a register at an offset from BTF.
        _ => unsafe { Probe::load(registers, offset) }?,
    })
}

/// A load that the compiler does not put together with others.
#[inline(always)]
fn load<const OFFSET: usize>(registers: Ptr) -> u64 {
    let value;
    // SAFETY: the verifier checks the access.
    unsafe {
        asm!(
            "{value} = *(u64 *)({registers} + {offset})",
            value = out(reg) value,
            registers = in(reg) registers,
            offset = const OFFSET,
            options(pure, readonly, nostack),
        );
    }
    value
}
