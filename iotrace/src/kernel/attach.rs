//! Attaching the programs of the object, each by its type.

use std::{collections::HashMap, thread};

use aya::{Ebpf, programs::Program};

use super::{
    groups::{AttachPoint, Group},
    plan::Plan,
    probe,
    reason::Reason,
    ways::Way,
};

/// What was attached.
#[derive(Debug, Default)]
pub struct Hooks {
    /// Names of the programs.
    pub programs: Vec<String>,
    /// Ways into a file that they see.
    pub seen: Vec<Way>,
    /// Those for which the kernel refused them.
    pub refused: Vec<(Way, Reason)>,
}

/// Attaches the groups, each as a whole; fails if one without which nothing works is
/// refused.
pub fn attach_groups(ebpf: &mut Ebpf, groups: &[Group], plan: &Plan) -> Result<Hooks, Reason> {
    let mut hooks = Hooks::default();
    let wanted = groups.iter().filter(|group| plan.has(group.needs).is_ok());
    let mut wanted = wanted.flat_map(|group| &group.hooks).peekable();
    // A kernel that refuses programs on its functions refuses all of them: one tells, and where it
    // refuses even the smallest one, nothing has to be prepared for others.
    let mut loaded = Loaded::new();
    if let Some(first) = wanted.peek().copied()
        && matches!(find(ebpf, first.program)?, Program::FExit(_))
    {
        if let Ok((id, _)) = plan.function(first.at)
            && let Some(reason) = probe::refuses_fexit(first.at, id)
        {
            return Err(reason);
        }
        loaded = load_all(ebpf, wanted.next(), plan);
        if let Some(Err(reason)) = loaded.get(first.program) {
            return Err(reason.clone());
        }
    }
    loaded.extend(load_all(ebpf, wanted, plan));
    for group in groups {
        let attached = plan
            .has(group.needs)
            .map_err(Reason::from)
            .and_then(|()| attach_loaded(ebpf, &group.hooks, &mut loaded));
        match attached {
            Ok(programs) => {
                hooks.programs.extend(programs);
                hooks.seen.extend(group.ways);
            }
            Err(reason) if group.ways.is_empty() => {
                for group in groups {
                    unload_all(ebpf, &group.hooks);
                }
                return Err(reason);
            }
            Err(reason) => {
                let refused = group.ways.iter().map(|way| (*way, reason.clone()));
                hooks.refused.extend(refused);
            }
        }
    }
    Ok(hooks)
}

/// Attaches all hooks or none of them; returns the programs' names.
pub fn attach_all(
    ebpf: &mut Ebpf,
    hooks: &[AttachPoint],
    plan: &Plan,
) -> Result<Vec<String>, Reason> {
    let mut loaded = load_all(ebpf, hooks, plan);
    attach_loaded(ebpf, hooks, &mut loaded)
}

/// What came of loading, by program: whether it is for this kernel's form of its function.
type Loaded = HashMap<&'static str, Result<bool, Reason>>;

/// Loads programs, several at a time: the kernel's verifier takes some milliseconds for each.
fn load_all<'a>(
    ebpf: &mut Ebpf,
    hooks: impl IntoIterator<Item = &'a AttachPoint>,
    plan: &Plan,
) -> Loaded {
    let mut wanted: HashMap<&str, AttachPoint> = hooks
        .into_iter()
        .map(|hook| (hook.program, *hook))
        .collect();
    let mut work: Vec<_> = ebpf
        .programs_mut()
        .filter_map(|(name, program)| Some((wanted.remove(name)?, program)))
        .collect();
    let missing = |hook: AttachPoint| {
        let reason = format!("the object has no program {}", hook.program);
        (hook.program, Err(Reason::from(reason)))
    };
    let mut loaded: Loaded = wanted.into_values().map(missing).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = work.len().div_ceil(threads).max(1);
    let load_share = |share: &mut [(AttachPoint, &mut Program)]| {
        let load = |(hook, program): &mut (AttachPoint, &mut Program)| {
            (hook.program, load(*hook, program, plan))
        };
        share.iter_mut().map(load).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let mut shares = work.chunks_mut(share);
        let own = shares.next();
        let running: Vec<_> = shares
            .map(|share| scope.spawn(move || load_share(share)))
            .collect();
        loaded.extend(own.into_iter().flat_map(load_share));
        for thread in running {
            match thread.join() {
                Ok(results) => loaded.extend(results),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    loaded
}

/// Loads a program, unless it is for another form of its function than this kernel's.
fn load(hook: AttachPoint, program: &mut Program, plan: &Plan) -> Result<bool, Reason> {
    let function = || {
        let (id, form) = plan.function(hook.at)?;
        let is_meant = hook.form.is_none_or(|meant| meant == form);
        Ok::<_, String>(is_meant.then_some(id))
    };
    let loaded = match program {
        Program::FExit(program) => match function()? {
            Some(_) => program.load(hook.at, plan.stub()),
            None => return Ok(false),
        },
        Program::FEntry(program) => match function()? {
            Some(_) => program.load(hook.at, plan.stub()),
            None => return Ok(false),
        },
        Program::KProbe(program) => match function()? {
            Some(_) => program.load(),
            None => return Ok(false),
        },
        Program::RawTracePoint(program) => program.load(),
        other => {
            let what = format!("{}: a program of type {:?}", hook.at, other.prog_type());
            return Err(what.into());
        }
    };
    loaded.map_err(|error| Reason::new(hook.at, &error))?;
    Ok(true)
}

/// Attaches all of these hooks or none; returns the programs' names.
fn attach_loaded(
    ebpf: &mut Ebpf,
    hooks: &[AttachPoint],
    loaded: &mut Loaded,
) -> Result<Vec<String>, Reason> {
    let mut attached = Vec::new();
    let mut outcome = Ok(());
    for hook in hooks {
        let this = match loaded.remove(hook.program) {
            Some(Ok(true)) if outcome.is_ok() => attach(ebpf, *hook),
            Some(Err(reason)) => Err(reason),
            // For another form of its function, or after one that was refused.
            _ => continue,
        };
        match this {
            Ok(()) => attached.push(hook.program.to_owned()),
            Err(reason) => outcome = outcome.and(Err(reason)),
        }
    }
    if let Err(reason) = outcome {
        unload_all(ebpf, hooks);
        return Err(reason);
    }
    Ok(attached)
}

fn attach(ebpf: &mut Ebpf, hook: AttachPoint) -> Result<(), Reason> {
    let attached = match find(ebpf, hook.program)? {
        Program::FExit(program) => program.attach().map(drop),
        Program::FEntry(program) => program.attach().map(drop),
        Program::KProbe(program) => program.attach(hook.at, 0).map(drop),
        Program::RawTracePoint(program) => program.attach(hook.at).map(drop),
        // It could not be loaded.
        _ => Ok(()),
    };
    attached.map_err(|error| Reason::new(hook.at, &error))
}

/// Detaches and unloads programs, as far as they are loaded; what fails here ends with the
/// process.
fn unload_all(ebpf: &mut Ebpf, hooks: &[AttachPoint]) {
    for hook in hooks {
        let _ = match find(ebpf, hook.program) {
            Ok(Program::FExit(program)) => program.unload(),
            Ok(Program::FEntry(program)) => program.unload(),
            Ok(Program::KProbe(program)) => program.unload(),
            Ok(Program::RawTracePoint(program)) => program.unload(),
            _ => Ok(()),
        };
    }
}

/// A program of the object.
pub fn find<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Program, String> {
    ebpf.program_mut(name)
        .ok_or_else(|| format!("the object has no program {name}"))
}
