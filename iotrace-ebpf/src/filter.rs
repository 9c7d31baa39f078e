//! Whose operations are reported. Filters that are off cost nothing: they are
//! constants to the verifier, which removes them.

use crate::{
    count::Op,
    kernel::{Task, setting},
    maps::FOLLOWED,
    who::Who,
};

/// The calling thread, if its operations are reported. Asked first of all by every
/// hook: what others lose is not lost to who asked for one process.
#[inline(always)]
pub fn caller() -> Option<Task> {
    let task = Task::current();
    admits(&task).then_some(task)
}

/// Whether operations of a thread are reported.
#[inline(always)]
pub fn admits(who: &impl Who) -> bool {
    let task = who.task();
    let own = setting!(self_tgid);
    if own != 0 && task.tgid == own {
        return false;
    }
    let tgid = setting!(tgid);
    if tgid != 0 && task.tgid != tgid {
        return false;
    }
    let tid = setting!(tid);
    if tid != 0 && task.tid != tid {
        return false;
    }
    if setting!(by_uid) != 0 && who.uid() != setting!(uid) {
        return false;
    }
    if setting!(follow) != 0 && FOLLOWED.get_ptr(task.tgid).is_none() {
        return false;
    }
    true
}

/// Whether operations of this direction are counted.
#[inline(always)]
pub fn admits_op(op: Op) -> bool {
    match op {
        Op::Read => setting!(reads) != 0,
        Op::Write => setting!(writes) != 0,
    }
}

/// The same for the number of an [`Op`] out of memory, without a branch for the verifier to follow.
#[inline(always)]
pub fn admits_told(direction: u32) -> bool {
    (setting!(reads) | setting!(writes) << 1) >> (direction & 1) & 1 != 0
}

/// Whether files of this `i_mode` are reported.
#[inline(always)]
pub fn admits_type(mode: u32) -> bool {
    // S_IFMT is the top four of 16 bits (include/uapi/linux/stat.h).
    setting!(file_types) & (1 << ((mode >> 12) & 0xf)) != 0
}
