//! The kernel programs of iotrace: thin hooks over one core.
//!
//! [`hooks`] pick arguments, [`count`] and [`open`] do the work, [`emit`] is the
//! only writer of the ring buffer. Nothing of one kernel or architecture is
//! compiled in: see [`kernel`].
#![no_std]
#![no_main]
// An atomic addition, which `AtomicU64` has only where there is compare-and-swap too.
#![feature(core_intrinsics)]
// Instructions that the compiler would not choose, and numbers in them that the loader replaces.
#![feature(asm_experimental_arch)]
#![allow(
    internal_features,
    reason = "nothing stable compiles to the instruction"
)]

mod aio;
mod batch;
mod calls;
mod change;
mod claim;
mod count;
mod descriptor;
mod each;
mod emit;
mod file;
mod filter;
mod follow;
mod hooks;
mod kernel;
mod maps;
mod open;
mod path;
mod pending;
mod rounds;
mod rows;
mod storage;
mod who;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Programs that could reach this are refused by the verifier.
    loop {}
}

// The helpers that read kernel memory ask for a licence that the kernel counts
// as GPL-compatible.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
