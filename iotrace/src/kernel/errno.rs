//! What error numbers of bpf(2) and perf_event_open(2) mean.

use nix::errno::Errno;

/// The kernel's `ENOTSUPP` (include/linux/errno.h), which user space has no name for.
pub const ENOTSUPP: i32 = 524;

/// The name of an error number and what it means when the kernel refuses a program,
/// a map or an attachment with it, in one line.
pub fn meaning(errno: i32) -> String {
    let meaning = match errno {
        libc::EPERM => "EPERM, the kernel does not permit it",
        libc::EACCES => "EACCES, the kernel does not allow it to this user",
        libc::EINVAL => "EINVAL, this kernel does not know it, or was built without it",
        libc::ENOENT => "ENOENT, this kernel does not have it",
        libc::ENODEV => "ENODEV, this kernel was built without it",
        libc::ENOSYS => "ENOSYS, this kernel was built without bpf(2)",
        libc::EOPNOTSUPP => "EOPNOTSUPP, not supported on this kernel",
        ENOTSUPP => "ENOTSUPP, not supported by this kernel on this architecture",
        libc::ENOMEM => "ENOMEM, not enough memory, or a limit on it",
        libc::E2BIG => "E2BIG, too large for this kernel",
        libc::EBUSY => "EBUSY, somebody else has it",
        _ => {
            let name = Errno::from_raw(errno);
            return match name {
                Errno::UnknownErrno => format!("error {errno}"),
                _ => format!("{name:?}, {}", name.desc()),
            };
        }
    };
    meaning.to_owned()
}
