//! The matrix: which kernels the scenarios run on, and through which backends.

use std::fmt;

use crate::arch::Arch;

/// Every kernel is asked for each of them, the best first.
pub const BACKENDS: &[&str] = &["fentry", "kprobe", "syscall"];

/// A kernel, and the backends that it does not allow.
struct Kernel {
    name: &'static str,
    arch: Arch,
    refuses: &'static [&'static str],
}

static KERNELS: [Kernel; 6] = [
    Kernel::with_all("5.10", Arch::X86_64),
    Kernel::with_all("6.1", Arch::X86_64),
    Kernel::with_all("6.12", Arch::X86_64),
    Kernel::with_all("7.2", Arch::X86_64),
    Kernel {
        // Programs on functions came to arm64 with 6.4.
        refuses: &["fentry"],
        ..Kernel::with_all("6.1", Arch::Aarch64)
    },
    Kernel::with_all("6.12", Arch::Aarch64),
];

impl Kernel {
    const fn with_all(name: &'static str, arch: Arch) -> Self {
        Self {
            name,
            arch,
            refuses: &[],
        }
    }

    /// What is to be proved with a backend. Each kernel goes through everything with the backend
    /// that it takes by itself, so that a run fits into the time of continuous integration;
    /// `all` is for longer ones.
    fn part(&self, backend: &str, all: bool) -> Part {
        let is_best = backend == BACKENDS[0];
        if self.refuses.contains(&backend) {
            Part::Refused
        } else if !all && (self.arch != Arch::HOST || !is_best) {
            Part::Subset
        } else if self.arch == Arch::HOST && is_best && (all || self.name == PROGRAMS_ON) {
            Part::All
        } else {
            Part::WithoutPrograms
        }
    }
}

/// What runs in one virtual machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub kernel: &'static str,
    pub arch: Arch,
    pub backend: &'static str,
    pub part: Part,
}

/// What a cell has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every scenario.
    All,
    /// Every scenario but those that trace real programs, and what is [`OF_USER_SPACE`].
    WithoutPrograms,
    /// The scenarios of [`SUBSET`].
    Subset,
    /// That the kernel does not allow the backend, and that iotrace says so (`tests/vm/refused`).
    Refused,
}

impl Part {
    /// The word for it in the table of results.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::WithoutPrograms => "all but `apps_` and user space",
            Self::Subset => "subset",
            Self::Refused => "refused",
        }
    }
}

/// What runs on a foreign architecture, and with other backends than the best one of a kernel, by
/// names of scenarios or parts of them: everything that goes through what depends on the
/// architecture or is a hook's, which is registers (arguments and return values), system call
/// numbers, values of flags, the size of a page, how programs attach, and what each of them counts
/// and keeps.
/// Left out is what happens in user space alone, and most of `doctor`, which tries all backends at
/// once.
pub const SUBSET: &[&str] = &[
    // That each kernel gets the programs made for it.
    "start_up_takes",
    // Counts of reads and writes, by two kinds of programs, and in a tight loop.
    "temp_file_service",
    "pread_two_million",
    // Every way into a file: their system calls, and the kernel's functions behind them.
    "paths_",
    "cache_use",
    "refused_requests",
    "compat_calls",
    "each_operation",
    // Opens with their flags, modes, descriptors and errors.
    "service_opens",
    "failed_opens",
    "opens_by_flag",
    // Lives of files.
    "churn_service",
    "churn_ways",
    "churn_everything",
    // Accounts of processes, the last of those that end too.
    "procs_direct",
    "procs_cancelled",
    "procs_threads_end_together",
    "procs_short_lived_children",
    "procs_syncs",
    // Paths, the long ones too, and the bytes of names.
    "cut_path",
    "hostile_names_in_opens_json",
    // Constants that the loader fills in.
    "filter_by",
    "opens_by_uid",
    // Processes: following a command, namespaces, descriptors that went away.
    "follow_command_in",
    "pid_namespace_follow",
    "one_id_of_two_processes",
    "lost_descriptors",
    // Everything at once, maps that are full, and calls that wait for their return.
    "anger_by_user",
    "without_room",
    "churn_full",
    "calls_under_way",
    "flood_on_every_cpu",
    // Clear answers.
    "usage_errors",
    "privileges",
    "missing_btf",
    "doctor_records",
];

/// What happens in user space alone, of the same events on each kernel, and takes long: verdicts, for
/// all that there is attaches for each of them. So these are left out together with real programs.
const OF_USER_SPACE: &[&str] = &[
    "diagnose_replay",
    "diagnose_vm_guest",
    "diagnose_log_flood",
    "diagnose_wal",
    "diagnose_rewrite",
    "diagnose_full_scan",
    "diagnose_cache_reads",
    "diagnose_metadata_storm",
    "diagnose_idle",
    "diagnose_baseline",
    "diagnose_catalogue",
    "diagnose_backup_through_kvm",
    "diagnose_array_check",
    "diagnose_sync_writes",
    "diagnose_container",
    // Recordings, and what is told of them.
    "recording_replays_as_live",
    "procs_replay",
    // What commands print of themselves, and how they end with a command.
    "fail_on_loss",
    "own_cost_is_told",
    "doctor_text_is_readable",
    "closed_reader_still_runs_the_command",
    "signals_are_passed_on_to_the_command",
    "follow_command_that_can_not_be_started",
    "stderr_closed",
    "ctrl_c_at_a_terminal",
    "sigint_and_sigterm",
    "fold_counts_files",
    // What other scenarios do without Python.
    "_in_python",
];

/// The kernel on which the scenarios `apps_*` trace real programs: what is emulated takes long, and
/// no program has a way into a file that the scenarios `paths_*` do not go on each kernel.
const PROGRAMS_ON: &str = "6.12";

/// Every cell, kernel by kernel.
pub fn cells(all: bool) -> Vec<Cell> {
    let cell = |kernel: &'static Kernel, backend| Cell {
        kernel: kernel.name,
        arch: kernel.arch,
        backend,
        part: kernel.part(backend, all),
    };
    let of_kernel = |kernel| BACKENDS.iter().map(move |backend| cell(kernel, backend));
    KERNELS.iter().flat_map(of_kernel).collect()
}

impl Cell {
    /// The command in the guest. Its first line of output is what `uname` says.
    pub fn command(&self) -> Vec<&'static str> {
        let mut command = vec!["sh", "-c", "uname -rm; exec \"$@\"", "sh"];
        match self.part {
            Part::Refused => command.extend(["/bin/refused", self.backend]),
            Part::All | Part::WithoutPrograms | Part::Subset => command.extend([
                "iotrace-tests",
                "run",
                "--backend",
                self.backend,
                "--iotrace",
                "/bin/iotrace",
            ]),
        }
        if self.part != Part::Refused && !self.has_programs() {
            command.extend(["--without", "apps_"]);
        }
        if self.part == Part::WithoutPrograms {
            let left_out = OF_USER_SPACE.iter();
            command.extend(left_out.flat_map(|name| ["--without", name]));
        }
        if self.part == Part::Subset {
            command.extend(SUBSET);
        }
        command
    }

    /// How many processors the machine has. A kernel that preempts programs, as all from 7.0 on
    /// do, misses operations where threads share one: there are more for it, so that most runs
    /// are not disturbed.
    pub fn cpus(&self) -> u32 {
        match self.kernel {
            "7.2" => 6,
            _ => 2,
        }
    }

    /// Whether the machine has the real programs that the scenarios `apps_*` trace.
    pub fn has_programs(&self) -> bool {
        self.part == Part::All
    }

    /// The kernel's release, when the first line says that this kernel did boot.
    pub fn release<'a>(&self, output: &'a str) -> Option<&'a str> {
        let (release, machine) = output.lines().next()?.split_once(' ')?;
        let rest = release.strip_prefix(self.kernel)?;
        (rest.starts_with('.') && machine == self.arch.name()).then_some(release)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kernel, self.arch, self.backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_asked_for() {
        for kernel in &KERNELS {
            for backend in kernel.refuses {
                assert!(BACKENDS.contains(backend), "{} {backend}", kernel.name);
            }
        }
        let refused = |cell: &Cell| cell.part == Part::Refused;
        let names: Vec<_> = cells(true)
            .iter()
            .filter(|cell| refused(cell))
            .map(Cell::to_string)
            .collect();
        assert_eq!(names, ["6.1 aarch64 fentry"]);
    }

    #[test]
    fn the_guest_says_what_it_is() {
        let cell = Cell {
            kernel: "6.1",
            arch: Arch::X86_64,
            backend: "fentry",
            part: Part::All,
        };
        let release = "6.1.0-40-cloud-amd64";
        assert_eq!(
            cell.release(&format!("{release} x86_64\nPASS a\n")),
            Some(release)
        );
        assert_eq!(cell.release("6.12.1 x86_64\n"), None);
        assert_eq!(cell.release("6.1.0 aarch64\n"), None);
        assert_eq!(cell.release(""), None);
    }
}
