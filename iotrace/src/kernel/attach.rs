//! Attaching the programs of the object, each by its type.

use aya::{Btf, Ebpf, programs::Program};
use aya_obj::btf::{BtfType, Func, FuncLinkage};

use super::{plan::Plan, reason::Reason, request::AttachPoint};

/// Attaches all hooks or none of them; returns the programs' names.
pub fn attach_all(
    ebpf: &mut Ebpf,
    hooks: &[AttachPoint],
    plan: &Plan,
) -> Result<Vec<String>, Reason> {
    let mut attached: Vec<String> = Vec::new();
    for hook in hooks {
        if let Err(reason) = attach_hook(ebpf, *hook, plan) {
            for program in &attached {
                unload(ebpf, program);
            }
            return Err(reason);
        }
        attached.push(hook.program.to_owned());
    }
    Ok(attached)
}

fn attach_hook(ebpf: &mut Ebpf, hook: AttachPoint, plan: &Plan) -> Result<(), Reason> {
    let attached = match find(ebpf, hook.program)? {
        Program::FExit(program) => {
            let btf = stub(hook.at, plan.function(hook.at)?);
            let loaded = program.load(hook.at, &btf);
            loaded.and_then(|()| program.attach()).map(drop)
        }
        Program::KProbe(program) => {
            plan.function(hook.at)?;
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
    attached.map_err(|error| Reason::new(hook.at, &error))
}

/// Detaches and unloads a program; what fails here ends with the process.
fn unload(ebpf: &mut Ebpf, name: &str) {
    let _ = match find(ebpf, name) {
        Ok(Program::FExit(program)) => program.unload(),
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
