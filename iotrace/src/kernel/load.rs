//! Loads the embedded object and attaches the programs of the best backend that
//! the kernel accepts. What it accepts is found by trying.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::{
    Btf, Ebpf, EbpfLoader, RawTracePointRunOptions, TestRun as _, include_bytes_aligned,
    maps::{Array, HashMap as BpfHashMap},
    programs::{FExit, Program, ProgramError, RawTracePoint},
};
use aya_log::EbpfLogger;
use aya_obj::btf::{BtfType, Func, FuncLinkage};

use super::{
    plan::{self, Plan},
    request::{Backend, OwnTraffic, Request},
};
use crate::{
    error::Unavailable,
    system::process::{self, page_bytes},
};

/// The kernel programs, built by `cargo xtask build-ebpf`.
static OBJECT: &[u8] = include_bytes_aligned!("../../bpf/iotrace.bpf.o");

/// Programs that follow the children of a command, each with its tracepoint.
const FOLLOWERS: [(&str, &str); 2] = [
    ("process_fork", "sched_process_fork"),
    ("process_exit", "sched_process_exit"),
];

/// Levels of aya-log (`aya_log_common::Level`, which starts with 1 for errors).
const LOG_OFF: u8 = 0;
const LOG_DEBUG: u8 = 4;

/// Entries of maps that are not needed by every command.
const NAMED_FILES: u32 = 16_384;
const FOLLOWED_PROCESSES: u32 = 8_192;

/// Running programs. Dropping it detaches and unloads all of them; so does the
/// end of the process, however it comes, since nothing is pinned.
pub struct Attached {
    /// Keeps programs, links and maps alive.
    ebpf: Ebpf,
    /// The backend that was accepted.
    pub backend: Backend,
    /// Those that were not, with the reasons.
    pub refused: Vec<(&'static str, String)>,
    programs: Vec<String>,
    log: bool,
}

/// Loads and attaches what `request` asks for.
pub fn attach(request: &Request) -> Result<Attached, Unavailable> {
    let attached = try_backends(request);
    give_back_memory();
    attached
}

/// Setting up reads megabytes of type information, and aya parses all of it
/// once more (`EbpfLoader::new`). The C library keeps freed memory; a tool that
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
    let mut ebpf = load(request, &plan)?;
    let candidates = match &request.backend {
        Some(backend) => vec![*backend],
        None => Backend::ALL.to_vec(),
    };
    let mut refused = Vec::new();
    for backend in candidates {
        let programs = backend.programs(request.what);
        let attached = plan
            .allows_backend(backend)
            .and_then(|()| attach_backend(&mut ebpf, backend, programs, &plan));
        match attached {
            Ok(mut programs) => {
                if request.follow {
                    programs
                        .extend(follow(&mut ebpf, own).map_err(|reason| object_error(&reason))?);
                }
                return Ok(Attached {
                    ebpf,
                    backend,
                    refused,
                    programs,
                    log: request.log,
                });
            }
            Err(reason) => refused.push((backend.name(), reason)),
        }
    }
    Err(Unavailable::NoBackend { tried: refused })
}

fn object_error(reason: &str) -> Unavailable {
    Unavailable::Object {
        reason: reason.to_owned(),
    }
}

fn load(request: &Request, plan: &Plan) -> Result<Ebpf, Unavailable> {
    let unless = |needed: bool, size: u32| if needed { size } else { 1 };
    EbpfLoader::new()
        // Only needed for CO-RE relocations, of which there are none. (`new` has
        // parsed it all the same; there is no other constructor in aya 0.14.)
        .btf(None)
        .override_global("LAYOUT", &plan.layout, true)
        .override_global("SETTINGS", &plan.settings, true)
        .override_global("SYSCALLS", &plan.syscalls, true)
        .map_max_entries("ROWS_EVEN", request.rows)
        .map_max_entries("ROWS_ODD", request.rows)
        .map_max_entries("EVENTS", request.ring_bytes)
        .override_global(
            aya_log::LEVEL,
            if request.log { &LOG_DEBUG } else { &LOG_OFF },
            true,
        )
        .map_max_entries("NAMED", unless(request.what.is_counted(), NAMED_FILES))
        .map_max_entries("FOLLOWED", unless(request.follow, FOLLOWED_PROCESSES))
        .map_max_entries("AYA_LOGS", if request.log { 1 << 17 } else { page_bytes() })
        .load(OBJECT)
        .map_err(|error| object_error(&describe(&error)))
}

/// Attaches all programs of a backend or none of them.
fn attach_backend(
    ebpf: &mut Ebpf,
    backend: Backend,
    hooks: &[&'static str],
    plan: &Plan,
) -> Result<Vec<String>, String> {
    let mut attached: Vec<String> = Vec::new();
    for hook in hooks {
        let result = match backend {
            Backend::Fentry => attach_fexit(ebpf, hook, plan),
            Backend::Syscall => attach_tracepoint(ebpf, hook, hook),
        };
        match result {
            Ok(program) => attached.push(program),
            Err(reason) => {
                for program in &attached {
                    unload(ebpf, program);
                }
                return Err(format!("{hook}: {reason}"));
            }
        }
    }
    Ok(attached)
}

/// Detaches and unloads a program; what fails here ends with the process.
fn unload(ebpf: &mut Ebpf, name: &str) {
    let _ = match ebpf.program_mut(name) {
        Some(Program::FExit(program)) => program.unload(),
        Some(Program::RawTracePoint(program)) => program.unload(),
        _ => Ok(()),
    };
}

fn attach_fexit(ebpf: &mut Ebpf, function: &str, plan: &Plan) -> Result<String, String> {
    let (_, id) = plan
        .functions
        .iter()
        .find(|(name, _)| *name == function)
        .ok_or("not planned")?;
    let btf = stub(function, id.clone()?);
    let name = format!("{function}_exit");
    let program: &mut FExit = program(ebpf, &name)?;
    program
        .load(function, &btf)
        .and_then(|()| program.attach())
        .map_err(|error| describe(&error))?;
    Ok(name)
}

fn attach_tracepoint(ebpf: &mut Ebpf, name: &str, tracepoint: &str) -> Result<String, String> {
    let program: &mut RawTracePoint = program(ebpf, name)?;
    program
        .load()
        .and_then(|()| program.attach(tracepoint))
        .map_err(|error| describe(&error))?;
    Ok(name.to_owned())
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
    let mut ebpf = load(&small, plan)?;
    let asked = program(&mut ebpf, "own_process").and_then(|program: &mut RawTracePoint| {
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
        object_error(&format!(
            "in a PID namespace, the kernel does not tell iotrace's own process id: {reason}"
        ))
    })
}

/// Starts to follow the children of this process.
fn follow(ebpf: &mut Ebpf, own: u32) -> Result<Vec<String>, String> {
    for (name, tracepoint) in FOLLOWERS {
        attach_tracepoint(ebpf, name, tracepoint)?;
    }
    let map = ebpf.map_mut("FOLLOWED").ok_or("no map FOLLOWED")?;
    let mut followed: BpfHashMap<_, u32, u8> =
        BpfHashMap::try_from(map).map_err(|error| error.to_string())?;
    followed
        .insert(own, 1, 0)
        .map_err(|error| error.to_string())?;
    Ok(FOLLOWERS.map(|(name, _)| name.to_owned()).to_vec())
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    ebpf.program_mut(name)
        .ok_or_else(|| format!("the object has no program {name}"))?
        .try_into()
        .map_err(|error: ProgramError| error.to_string())
}

/// BTF in which a function has the id that the running kernel gave it, and
/// everything before it is void: all that aya looks at. Parsing the kernel's own
/// once more, only for the id, costs about 15 ms for each function.
fn stub(function: &str, id: u32) -> Btf {
    let mut btf = Btf::new();
    let name = btf.add_string(function);
    for _ in 1..id {
        btf.add_type(BtfType::Unknown);
    }
    btf.add_type(BtfType::Func(Func::new(name, 0, FuncLinkage::Static)));
    btf
}

/// An error with its causes, the verifier's last words included.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    // A verifier log has thousands of lines; the last ones tell.
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > 12 {
        log::debug!("{text}");
        let last = lines[lines.len() - 8..].join("\n    ");
        return format!("{}\n    ...\n    {last}", lines[0]);
    }
    text
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

    /// Descriptors of the running programs.
    pub(super) fn program_fds(&self) -> io::Result<Vec<OwnedFd>> {
        let fd = |name: &String| {
            let program = self.ebpf.program(name).ok_or(io::ErrorKind::NotFound)?;
            let fd = program.fd().map_err(io::Error::other)?;
            fd.as_fd().try_clone_to_owned()
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
