//! Loads the embedded object and attaches the programs of the best backend that
//! the kernel accepts. What it accepts is found by trying.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::{
    Ebpf, EbpfLoader, RawTracePointRunOptions, TestRun as _,
    maps::{Array, HashMap as BpfHashMap},
    programs::RawTracePoint,
};
use aya_log::EbpfLogger;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{
    attach::{attach_all, attach_groups, find},
    groups::{self, AttachPoint},
    object, patch,
    plan::{self, Plan},
    reason::{Reason, describe},
    request::{Backend, OwnTraffic, Request, sizes},
    rows,
    stats::Stats,
    system::System,
    ways::{self, Way},
};
use iotrace_common::{Constants, Hook};

use crate::{
    advice,
    error::Unavailable,
    system::process::{self, page_bytes},
};

/// Programs that follow the children of a command.
const FOLLOWERS: [AttachPoint; 2] = [
    AttachPoint {
        program: "process_fork",
        at: "sched_process_fork",
        form: None,
    },
    AttachPoint {
        program: "process_exit",
        at: "sched_process_exit",
        form: None,
    },
];

/// Levels of aya-log (`aya_log_common::Level`, which starts with 1 for errors).
const LOG_OFF: u8 = 0;
const LOG_DEBUG: u8 = 4;

/// Files whose names are remembered as told, where there are any to tell.
const NAMED_FILES: u32 = 16_384;

/// Changes of names, and operations that are told one by one, that can be under way.
/// An LRU map keeps up to 128 free elements for each CPU (kernel/bpf/bpf_lru_list.c): with less
/// room than that for all, elements in use would be taken.
fn begun() -> u32 {
    const LEAST: u32 = 8_192;
    let cpus = aya::util::nr_cpus().map_or(1, |cpus| cpus as u32);
    LEAST.max(cpus.saturating_mul(512))
}

/// Running programs. Dropping it detaches and unloads all of them; so does the
/// end of the process, however it comes, since nothing is pinned.
pub struct Attached {
    /// Keeps programs, links and maps alive.
    ebpf: Ebpf,
    /// What measures the programs.
    pub(super) stats: Option<Stats>,
    /// The backend that was accepted.
    pub backend: Backend,
    /// Those that were not, with the reasons.
    pub refused: Vec<(Backend, Reason)>,
    /// Ways into a file that it does not see on this kernel.
    pub unseen: Vec<Way>,
    /// Why the kernel refused to have some of them seen.
    pub ways_refused: Vec<(Way, Reason)>,
    programs: Vec<String>,
    log: bool,
}

/// Loads and attaches what `request` asks for.
pub fn attach(request: &Request) -> Result<Attached, Unavailable> {
    share_memory();
    let attached = try_backends(request);
    give_back_memory();
    attached
}

/// Programs are loaded by several threads. The C library would give each of them memory of its
/// own, and keep it.
fn share_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions; what is refused costs memory only.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Setting up reads megabytes of type information. The C library keeps freed memory; a tool that
/// then runs for hours must not.
fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn try_backends(request: &Request) -> Result<Attached, Unavailable> {
    let mut plan = plan::plan(request)?;
    let own = own_process(request, &plan)?;
    if request.own == OwnTraffic::Excluded {
        plan.settings.self_tgid = own;
    }
    let best = if plan.settings.cast != 0 {
        object::CASTS
    } else if plan.loops {
        object::LOOPS
    } else {
        object::PLAIN
    };
    match try_object(best, request, &plan, own) {
        // Without a JIT: programs with callbacks, and calls of the kernel's functions, are not
        // interpreted (`fixup_call_args`, kernel/bpf/verifier.c). Nothing tells it beforehand inside a
        // container.
        Err(error) if plan.loops => {
            log::info!("programs for older kernels are taken: {}", error.found());
            log::debug!("{error:?}");
        }
        other => return other,
    }
    try_object(object::PLAIN, request, &plan, own)
}

/// Attaches the best backend of one build of the programs. `own` is this process.
fn try_object(
    object: &[u8],
    request: &Request,
    plan: &Plan,
    own: u32,
) -> Result<Attached, Unavailable> {
    let mut ebpf = load(object, request, plan)?;
    let candidates = match &request.backend {
        Some(backend) => vec![*backend],
        None => Backend::ALL.to_vec(),
    };
    let system = System::here();
    let mut refused = Vec::new();
    for backend in candidates {
        let attached = system
            .runs_programs_of(backend)
            .and_then(|()| plan.allows_backend(backend))
            .map_err(Reason::from)
            .and_then(|()| attach_groups(&mut ebpf, &groups::groups(backend, request.what), plan));
        match attached {
            Ok(hooks) => {
                let mut programs = hooks.programs;
                if request.follow {
                    let followers = follow(&mut ebpf, plan, own);
                    programs.extend(followers.map_err(object_error)?);
                }
                let ways = ways::all(request.what).into_iter();
                return Ok(Attached {
                    ebpf,
                    stats: None,
                    backend,
                    refused,
                    unseen: ways.filter(|way| !hooks.seen.contains(way)).collect(),
                    ways_refused: hooks.refused,
                    programs,
                    log: request.log,
                });
            }
            Err(reason) => refused.push((backend, reason)),
        }
    }
    Err(Unavailable::NoBackend {
        advice: advice::refused(&system, &refused),
        tried: refused,
    })
}

fn object_error(reason: Reason) -> Unavailable {
    Unavailable::Object {
        advice: advice::of_system(&System::here(), reason.errno),
        reason,
    }
}

fn load(object: &[u8], request: &Request, plan: &Plan) -> Result<Ebpf, Unavailable> {
    let unless = |needed: bool, size: u32| if needed { size } else { 1 };
    let counted = request.what.is_counted();
    let opens = request.what.opens.is_some();
    let changes = request.what.changes.is_some();
    let each = request.what.has_each();
    let kprobe = request
        .backend
        .is_none_or(|backend| backend == Backend::Kprobe);
    let calls = request.calls.unwrap_or(sizes::CALLS);
    let callers = request.calls.unwrap_or(sizes::CALLERS);
    let functions = request.backend != Some(Backend::Syscall);
    let twice = request.rows.saturating_mul(2);
    let constants = Constants {
        settings: plan.settings,
        layout: plan.layout,
    };
    loader()
        .override_global("LAYOUT", &plan.layout, true)
        .override_global("SYSCALLS", &plan.syscalls, true)
        .map_max_entries("ROWS", twice)
        .map_max_entries("PLACES_EVEN", twice)
        .map_max_entries("PLACES_ODD", twice)
        .map_max_entries("FREE_EVEN", rows::runs(request.rows))
        .map_max_entries("FREE_ODD", rows::runs(request.rows))
        .map_max_entries("EVENTS", request.ring_bytes)
        .override_global(
            aya_log::LEVEL,
            if request.log { &LOG_DEBUG } else { &LOG_OFF },
            true,
        )
        .map_max_entries("NAMED", unless(counted, NAMED_FILES))
        .map_max_entries("FILE_SCRATCH", unless(counted, Hook::COUNTING as u32))
        .map_max_entries("OPEN_SCRATCH", unless(opens, Hook::OPENING as u32))
        .map_max_entries("BEGUN", unless(changes && functions, begun()))
        .map_max_entries("EACH_BEGUN", unless(each, begun()))
        .map_max_entries("EACH_SCRATCH", unless(each, Hook::COUNTING as u32))
        .map_max_entries("CHANGE_SCRATCH", unless(changes, Hook::CHANGING as u32))
        .map_max_entries("MARKS", unless(request.what.has_cache(), calls))
        .map_max_entries("REQUESTS", unless(functions && counted, calls))
        .map_max_entries("TRANSFERS", unless(kprobe && counted, callers))
        .map_max_entries("OPENS", unless(kprobe && opens, callers))
        .map_max_entries(
            "FOLLOWED",
            unless(request.follow, request.followed.saturating_add(1)),
        )
        .map_max_entries("AYA_LOGS", if request.log { 1 << 17 } else { page_bytes() })
        .load(&patch::with_constants(object, &constants))
        .map_err(|error| object_error(Reason::new("its maps", &error)))
}

/// A loader that has not read the kernel's type information, which is only needed for CO-RE
/// relocations, of which there are none. aya 0.14 has no other constructor than one that reads and
/// parses all of it if it can be opened, which takes a third of the CPU time of a start: so it can
/// not. No other thread may be opening files at that time.
fn loader<'a>() -> EbpfLoader<'a> {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).ok();
    let set = |soft, hard| setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
    let closed = limit.filter(|(_, hard)| set(0, *hard).is_ok());
    let mut loader = EbpfLoader::new();
    if let Some((soft, hard)) = closed
        && let Err(error) = set(soft, hard)
    {
        log::warn!("cannot raise the limit of open files again: {error}");
    }
    loader.btf(None);
    loader
}

/// This process's id as the kernel counts. Inside a PID namespace only the kernel
/// knows it, and is asked.
fn own_process(request: &Request, plan: &Plan) -> Result<u32, Unavailable> {
    if process::in_initial_pid_namespace() {
        return Ok(std::process::id());
    }
    // Nothing is counted with this one.
    let small = Request {
        rows: 1,
        ring_bytes: page_bytes(),
        ..request.clone()
    };
    let mut ebpf = load(object::PLAIN, &small, plan)?;
    let asked = find(&mut ebpf, "own_process").and_then(|program| {
        let program: &mut RawTracePoint = program.try_into().map_err(|error| describe(&error))?;
        program.load().map_err(|error| describe(&error))?;
        let run = program.test_run(RawTracePointRunOptions::new());
        run.map_err(|error| describe(&error))
    });
    let answer = asked.and_then(|_| {
        let map = ebpf.map("OWN_PROCESS").ok_or("no map OWN_PROCESS")?;
        let own: Array<_, u32> = Array::try_from(map).map_err(|error| describe(&error))?;
        own.get(&0, 0).map_err(|error| describe(&error))
    });
    answer.map_err(|reason| {
        object_error(Reason::from(format!(
            "in a PID namespace, the kernel does not tell iotrace's own process id: {reason}"
        )))
    })
}

/// Starts to follow the children of this process.
fn follow(ebpf: &mut Ebpf, plan: &Plan, own: u32) -> Result<Vec<String>, Reason> {
    let programs = attach_all(ebpf, &FOLLOWERS, plan)?;
    let map = ebpf.map_mut("FOLLOWED");
    let map = map.ok_or_else(|| "no map FOLLOWED".to_owned())?;
    let mut followed: BpfHashMap<_, u32, u8> =
        BpfHashMap::try_from(map).map_err(|error| error.to_string())?;
    followed
        .insert(own, 1, 0)
        .map_err(|error| error.to_string())?;
    Ok(programs)
}

impl Attached {
    /// A map of the object.
    ///
    /// # Panics
    /// When the object has no such map: the names are fixed at compile time.
    pub(super) fn take_map(&mut self, name: &str) -> aya::maps::Map {
        self.ebpf
            .take_map(name)
            .unwrap_or_else(|| panic!("the object has no map {name}"))
    }

    /// Names and descriptors of the running programs.
    pub(super) fn program_fds(&self) -> io::Result<Vec<(String, OwnedFd)>> {
        let fd = |name: &String| {
            let program = self.ebpf.program(name).ok_or(io::ErrorKind::NotFound)?;
            let fd = program.fd().map_err(io::Error::other)?;
            Ok((name.clone(), fd.as_fd().try_clone_to_owned()?))
        };
        self.programs.iter().map(fd).collect()
    }

    /// The log of the kernel programs, if they keep one.
    pub(super) fn take_log(&mut self) -> Option<EbpfLogger<&'static dyn log::Log>> {
        if !self.log {
            return None;
        }
        EbpfLogger::init(&mut self.ebpf)
            .inspect_err(|error| log::warn!("no log of the kernel programs: {error}"))
            .ok()
    }
}
