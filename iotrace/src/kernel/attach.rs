//! Attaching the programs of the object, each by its type.

use aya::{Btf, Ebpf, programs::Program};
use aya_obj::btf::{BtfType, Func, FuncLinkage};

use super::{
    plan::Plan,
    reason::Reason,
    ways::{AttachPoint, Group, Way},
};

/// What was attached.
#[derive(Debug, Default)]
pub struct Hooks {
    /// Names of the programs.
    pub programs: Vec<String>,
    /// Ways into a file for which the kernel refused them.
    pub refused: Vec<(Way, Reason)>,
}

/// Attaches the groups, each as a whole; fails if one without which nothing works is
/// refused.
pub fn attach_groups(ebpf: &mut Ebpf, groups: &[Group], plan: &Plan) -> Result<Hooks, Reason> {
    let mut hooks = Hooks::default();
    for group in groups {
        let attached = plan
            .has(group.needs)
            .map_err(Reason::from)
            .and_then(|()| attach_all(ebpf, &group.hooks, plan));
        match (attached, group.way) {
            (Ok(programs), _) => hooks.programs.extend(programs),
            (Err(reason), Some(way)) => hooks.refused.push((way, reason)),
            (Err(reason), None) => {
                unload_all(ebpf, &hooks.programs);
                return Err(reason);
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
    let mut attached: Vec<String> = Vec::new();
    for hook in hooks {
        match attach_hook(ebpf, *hook, plan) {
            Ok(true) => attached.push(hook.program.to_owned()),
            Ok(false) => {}
            Err(reason) => {
                unload_all(ebpf, &attached);
                return Err(reason);
            }
        }
    }
    Ok(attached)
}

/// Whether the hook is for this kernel's form of its function, and was attached.
fn attach_hook(ebpf: &mut Ebpf, hook: AttachPoint, plan: &Plan) -> Result<bool, Reason> {
    let function = || {
        let (id, form) = plan.function(hook.at)?;
        let is_meant = hook.form.is_none_or(|meant| meant == form);
        Ok::<_, String>(is_meant.then_some(id))
    };
    let attached = match find(ebpf, hook.program)? {
        Program::FExit(program) => {
            let Some(id) = function()? else {
                return Ok(false);
            };
            let loaded = program.load(hook.at, &stub(hook.at, id));
            loaded.and_then(|()| program.attach()).map(drop)
        }
        Program::FEntry(program) => {
            let Some(id) = function()? else {
                return Ok(false);
            };
            let loaded = program.load(hook.at, &stub(hook.at, id));
            loaded.and_then(|()| program.attach()).map(drop)
        }
        Program::KProbe(program) => {
            if function()?.is_none() {
                return Ok(false);
            }
            let loaded = program.load();
            loaded.and_then(|()| program.attach(hook.at, 0)).map(drop)
        }
        Program::RawTracePoint(program) => {
            let loaded = program.load();
            loaded.and_then(|()| program.attach(hook.at)).map(drop)
        }
        other => {
            let what = format!("{}: a program of type {:?}", hook.at, other.prog_type());
            return Err(what.into());
        }
    };
    attached.map_err(|error| Reason::new(hook.at, &error))?;
    Ok(true)
}

fn unload_all(ebpf: &mut Ebpf, programs: &[String]) {
    for program in programs {
        unload(ebpf, program);
    }
}

/// Detaches and unloads a program; what fails here ends with the process.
fn unload(ebpf: &mut Ebpf, name: &str) {
    let _ = match find(ebpf, name) {
        Ok(Program::FExit(program)) => program.unload(),
        Ok(Program::FEntry(program)) => program.unload(),
        Ok(Program::KProbe(program)) => program.unload(),
        Ok(Program::RawTracePoint(program)) => program.unload(),
        _ => Ok(()),
    };
}

/// A program of the object.
pub fn find<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Program, String> {
    ebpf.program_mut(name)
        .ok_or_else(|| format!("the object has no program {name}"))
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
