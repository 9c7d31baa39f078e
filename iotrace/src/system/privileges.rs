//! The privileges of this process.

use std::collections::HashSet;

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};

/// Gives up the capabilities that are not needed once the programs run: all but
/// the one to read maps with (kernels before 5.19 ask for it at every bpf(2) call,
/// unless unprivileged use is switched on), the one to pass signals on to a
/// command of another user, and those to look at the processes of others.
///
/// For this thread only, so it is called while there is no other. What a program
/// that is started afterwards gets may be less than before.
pub fn give_up(has_command: bool, looks_at_others: bool) -> Result<(), CapsError> {
    let held = caps::read(None, CapSet::Permitted)?;
    let kept = needed(&held, has_command, looks_at_others);
    // What may not be had can not be in effect.
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)
}

fn needed(held: &CapsHashSet, has_command: bool, looks_at_others: bool) -> CapsHashSet {
    // `CAP_SYS_ADMIN` contains `CAP_BPF`, also where there is no such capability.
    let bpf = if held.contains(&Capability::CAP_BPF) {
        Capability::CAP_BPF
    } else {
        Capability::CAP_SYS_ADMIN
    };
    let mut needed = HashSet::from([bpf]);
    if has_command {
        needed.insert(Capability::CAP_KILL);
    }
    if looks_at_others {
        // `/proc/PID/io` (`do_io_accounting`, fs/proc/base.c); files of others that tell more.
        needed.extend([Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH]);
    }
    needed.intersection(held).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Capability::{CAP_BPF, CAP_CHOWN, CAP_KILL, CAP_PERFMON, CAP_SYS_ADMIN};

    #[test]
    fn only_what_is_held_and_needed_is_kept() {
        let cases: [(&[Capability], bool, &[Capability]); 5] = [
            (
                &[CAP_BPF, CAP_PERFMON, CAP_CHOWN, CAP_KILL],
                false,
                &[CAP_BPF],
            ),
            (
                &[CAP_BPF, CAP_PERFMON, CAP_KILL],
                true,
                &[CAP_BPF, CAP_KILL],
            ),
            (&[CAP_BPF, CAP_PERFMON], true, &[CAP_BPF]),
            (&[CAP_SYS_ADMIN, CAP_CHOWN], false, &[CAP_SYS_ADMIN]),
            (&[], true, &[]),
        ];
        for (held, has_command, kept) in cases {
            let held = held.iter().copied().collect();
            let kept: CapsHashSet = kept.iter().copied().collect();
            assert_eq!(needed(&held, has_command, false), kept);
        }
    }
}
