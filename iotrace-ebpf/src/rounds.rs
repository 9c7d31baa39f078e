//! Loops of which the verifier need not look at each round.

#[cfg(feature = "bpf_loop")]
use aya_ebpf::{cty::c_void, helpers::generated::bpf_loop};

/// The body of a loop, with what it keeps from one round to the next.
pub trait Rounds {
    /// Goes round once, and tells whether that was the last time. Rounds count from 0.
    fn round(&mut self, number: u32) -> bool;
}

/// Whether the verifier looks at a few rounds only.
pub const FOLDED: bool = cfg!(feature = "bpf_loop");

/// Goes round at most `most` times. The verifier goes along, all the way.
#[cfg(not(feature = "bpf_loop"))]
#[inline(always)]
pub fn run<R: Rounds>(most: u32, rounds: &mut R) {
    for number in 0..most {
        if rounds.round(number) {
            return;
        }
    }
}

/// Goes round at most `most` times. The helper (Linux 5.17) vouches for the number, and the
/// verifier looks at rounds only until they tell it nothing new: at two or three.
#[cfg(feature = "bpf_loop")]
#[inline(always)]
pub fn run<R: Rounds>(most: u32, rounds: &mut R) {
    let rounds: *mut R = rounds;
    // SAFETY: the helper calls `round` with `rounds`, which nothing else uses until it returns.
    unsafe { bpf_loop(most, round::<R> as *mut c_void, rounds.cast(), 0) };
}

/// What the helper calls: 1 ends the loop.
///
/// # Safety
/// `rounds` is what [`run`] was given.
#[cfg(feature = "bpf_loop")]
unsafe extern "C" fn round<R: Rounds>(number: u32, rounds: *mut R) -> u64 {
    // SAFETY: the caller vouches for it.
    u64::from(unsafe { (*rounds).round(number) })
}
