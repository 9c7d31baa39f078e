//! For whom something is counted or told: most often the current thread.

use iotrace_common::{ABSENT, COMM_LEN, Loss};

use crate::kernel::{self, Probe, Ptr, Read, Task, offset};

/// A thread that does something.
pub trait Who {
    /// Whether it is the current thread, and this program runs in its context.
    const CURRENT: bool;

    /// Its ids.
    fn task(&self) -> &Task;

    /// Its real user id.
    fn uid(&self) -> u32;

    /// Its name.
    fn comm(&self) -> [u8; COMM_LEN];
}

/// The current thread.
impl Who for Task {
    const CURRENT: bool = true;

    #[inline(always)]
    fn task(&self) -> &Task {
        self
    }

    #[inline(always)]
    fn uid(&self) -> u32 {
        kernel::user_id()
    }

    #[inline(always)]
    fn comm(&self) -> [u8; COMM_LEN] {
        kernel::name()
    }
}

/// Another thread, which is still there.
pub struct Other {
    task: Task,
    address: Ptr,
}

impl Other {
    /// The thread at `address`.
    ///
    /// # Safety
    /// It is the address of a `task_struct`.
    #[inline(always)]
    pub unsafe fn at(address: Ptr) -> Result<Self, Loss> {
        // SAFETY: members of task_struct at offsets from BTF.
        let task = unsafe {
            Task::new(
                Probe::load(address, offset!(task_tgid))?,
                Probe::load(address, offset!(task_pid))?,
                Probe::load(address, offset!(task_start_time))?,
            )
        };
        Ok(Self { task, address })
    }
}

impl Who for Other {
    const CURRENT: bool = false;

    #[inline(always)]
    fn task(&self) -> &Task {
        &self.task
    }

    #[inline(always)]
    fn uid(&self) -> u32 {
        // SAFETY: members of task_struct and cred.
        let uid = unsafe {
            Probe::load::<Ptr>(self.address, offset!(task_cred))
                .and_then(|cred| Probe::load(cred, offset!(cred_uid)))
        };
        uid.unwrap_or(ABSENT)
    }

    #[inline(always)]
    fn comm(&self) -> [u8; COMM_LEN] {
        // SAFETY: a member of task_struct.
        unsafe { Probe::load(self.address, offset!(task_comm)) }.unwrap_or([0; COMM_LEN])
    }
}

/// A thread that has submitted something, as it was then.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Submitter {
    pub task: Task,
    pub uid: u32,
    pub comm: [u8; COMM_LEN],
}

impl Submitter {
    /// The current thread.
    #[inline(always)]
    pub fn current(task: &Task) -> Self {
        Self {
            task: *task,
            uid: task.uid(),
            comm: task.comm(),
        }
    }
}

impl Who for Submitter {
    const CURRENT: bool = false;

    #[inline(always)]
    fn task(&self) -> &Task {
        &self.task
    }

    #[inline(always)]
    fn uid(&self) -> u32 {
        self.uid
    }

    #[inline(always)]
    fn comm(&self) -> [u8; COMM_LEN] {
        self.comm
    }
}
