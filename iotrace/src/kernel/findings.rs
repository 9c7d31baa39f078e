//! Everything that `doctor` tells about: what can be read, and what came of trying.

use std::path::PathBuf;

use iotrace_common::Feature;

use super::{
    Request, What, layout, load,
    probe::{self, Trials},
    request::{Backend, Opens, OwnTraffic, Transfers, sizes},
    system::System,
    types::{self, TypeFile, VMLINUX_BTF},
    ways::Way,
};
use crate::error::Unavailable;

/// What was found.
#[derive(Debug)]
pub struct Findings {
    /// What can be read.
    pub system: System,
    /// Architecture that this program was built for.
    pub architecture: &'static str,
    /// Where the type information was looked for.
    pub btf_path: PathBuf,
    /// What is in it.
    pub types: Result<Types, Unavailable>,
    /// What was tried.
    pub trials: Trials,
    /// Backends, best first.
    pub attempts: Vec<Attempt>,
}

/// What the kernel's type information tells.
#[derive(Debug)]
pub struct Types {
    /// Its size.
    pub bytes: u64,
    /// Number of types.
    pub count: usize,
    /// Whether they are those of another kernel than the running one.
    pub foreign: bool,
    /// Functions that are traced.
    pub functions: Vec<Function>,
    /// What iotrace does with fields of the kernel.
    pub parts: Vec<Part>,
}

/// A function of the kernel.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Its arguments, if it is there.
    pub arguments: Option<Vec<String>>,
    /// Why it can not be traced.
    pub unusable: Option<String>,
}

/// Something that iotrace can do on kernels that have certain fields.
#[derive(Clone, Debug)]
pub struct Part {
    /// What it is.
    pub name: &'static str,
    /// What follows when it is missing.
    pub without: &'static str,
    /// Whether nothing works without it.
    pub vital: bool,
    /// Fields that this kernel does not have.
    pub missing: Vec<&'static str>,
}

/// A backend, loaded and attached, and dropped again.
#[derive(Debug)]
pub struct Attempt {
    /// Which one.
    pub backend: Backend,
    /// For `top`: the ways into a file that it does not see.
    pub top: Result<Vec<Way>, Unavailable>,
    /// For `opens`, likewise.
    pub opens: Result<Vec<Way>, Unavailable>,
}

impl Findings {
    /// Looks and tries. `btf` is where the type information is, if not at the usual
    /// place.
    pub fn gather(btf: Option<PathBuf>) -> Self {
        let system = System::here();
        let btf_path = btf.clone().unwrap_or_else(|| VMLINUX_BTF.into());
        let file = types::read(&btf_path);
        // The same number is another function elsewhere.
        let own = file.as_ref().ok().filter(|file| !file.foreign);
        let vfs_read = own.and_then(|file| file.btf.function("vfs_read"));
        let attempts = Backend::ALL.map(|backend| Attempt {
            backend,
            top: attempt(&system, &request(backend, TOP, &btf)),
            opens: attempt(&system, &request(backend, OPENS, &btf)),
        });
        Self {
            system,
            architecture: std::env::consts::ARCH,
            trials: probe::try_all(vfs_read),
            types: file.map(|file| examine(&file)),
            btf_path,
            attempts: attempts.into(),
        }
    }
}

const TOP: What = What {
    transfers: Some(Transfers {
        read: true,
        write: true,
        mapped: false,
        layers: false,
        cache: false,
        each: false,
    }),
    ..What::NOTHING
};
const OPENS: What = What {
    opens: Some(Opens::All),
    ..What::NOTHING
};

/// What a command asks for when nothing else is said: a kernel may have a limit that
/// smaller maps would keep.
fn request(backend: Backend, what: What, btf: &Option<PathBuf>) -> Request {
    let ring_kib = if what.is_counted() {
        sizes::RING_OF_NAMES_KIB
    } else {
        sizes::RING_OF_EVENTS_KIB
    };
    Request {
        backend: Some(backend),
        what,
        pid: None,
        tid: None,
        uid: None,
        follow: false,
        own: OwnTraffic::Excluded,
        all_files: false,
        rows: if what.is_counted() { sizes::ROWS } else { 1 },
        calls: None,
        followed: sizes::PROCESSES,
        ring_bytes: ring_kib * 1024,
        log: false,
        btf: btf.clone(),
    }
}

/// What the start of a command does, and nothing after it.
fn attempt(system: &System, request: &Request) -> Result<Vec<Way>, Unavailable> {
    system.check_privileges()?;
    Ok(load::attach(request)?.unseen)
}

fn examine(file: &TypeFile) -> Types {
    let btf = &file.btf;
    let (layout, missing) = layout::layout(btf);
    Types {
        bytes: file.bytes,
        count: btf.count(),
        foreign: file.foreign,
        functions: layout::check_all(btf, &layout)
            .into_iter()
            .map(|(name, traceable)| Function {
                name,
                arguments: btf.arguments(name),
                unusable: traceable.err(),
            })
            .collect(),
        parts: PARTS
            .into_iter()
            .map(|(feature, name, without)| {
                let missing = missing.iter().filter(|(_, needed)| *needed == feature);
                Part {
                    name,
                    without,
                    vital: feature == Feature::Core,
                    missing: missing.map(|(path, _)| *path).collect(),
                }
            })
            .collect(),
    }
}

/// What each feature is to people, and what follows when it is missing. The fields
/// of each: [`iotrace_common::Layout::FIELDS`].
const PARTS: [(Feature, &str, &str); 22] = [
    (
        Feature::Core,
        "counting and naming",
        "nothing can be traced",
    ),
    (Feature::Opens, "opens", "`opens` does not work"),
    (
        Feature::Descriptors,
        "descriptors",
        "`opens` and the backend syscall do not work",
    ),
    (
        Feature::Follow,
        "following children",
        "`-- COMMAND` does not work",
    ),
    (
        Feature::Deleted,
        "deleted files",
        "names that have been unlinked are not marked",
    ),
    (
        Feature::MountNamespaces,
        "mount namespaces",
        "`mnt_ns` is absent, and --mntnsmap shows nothing",
    ),
    (
        Feature::CallCounts,
        "counts of calls",
        "backend kprobe does not notice a call whose begin it missed together with the end of the one before",
    ),
    (Feature::Aio, "AIO", "AIO is not seen by fentry and kprobe"),
    (Feature::Uring, "io_uring", "io_uring is not seen"),
    (
        Feature::UringTask,
        "threads of io_uring",
        "io_uring is not seen",
    ),
    (
        Feature::UringContext,
        "threads of io_uring",
        "io_uring is not seen",
    ),
    (
        Feature::UringOpens,
        "opens by io_uring",
        "opens by io_uring are not seen",
    ),
    (
        Feature::UserPath,
        "mapped files of overlays",
        "they are told by the name of the file below",
    ),
    (Feature::Mapped, "mapped files", "--mmap shows nothing"),
    (Feature::Exec, "exec", "opens by exec are not seen"),
    (
        Feature::Changes,
        "changes of names",
        "`churn` and `events` do not work with backend fentry",
    ),
    (
        Feature::Ends,
        "ends of files",
        "the last close of files without a name is not seen",
    ),
    (
        Feature::Cancelled,
        "cancelled writes",
        "`cancelled_bytes` is absent",
    ),
    (
        Feature::Positions,
        "places in files",
        "--each does not tell places and times",
    ),
    (
        Feature::Storage,
        "use of the cache",
        "--cache does not work",
    ),
    (
        Feature::Accounts,
        "ends of processes",
        "`procs` misses what processes do between its last look and their end",
    ),
    (Feature::Layers, "lower layers", "--layers does not work"),
];

#[cfg(test)]
mod tests {
    use iotrace_common::Layout;

    use super::*;

    #[test]
    fn every_field_belongs_to_a_part() {
        for (path, feature, _) in Layout::FIELDS {
            assert!(PARTS.iter().any(|(known, ..)| known == feature), "{path}");
        }
    }

    #[test]
    fn a_kernel_that_is_tested_lacks_nothing() {
        for release in ["5.10", "6.12", "7.2"] {
            let path = format!("{}/tests/btf/{release}.btf", env!("CARGO_MANIFEST_DIR"));
            let types = examine(&types::read(path.as_ref()).expect("BTF"));
            assert!(types.count > 10);
            for part in types.parts {
                assert!(part.missing.is_empty(), "{release}: {part:?}");
            }
        }
    }
}
