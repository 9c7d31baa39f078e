//! Systems for tests.

use crate::{
    advice,
    error::Unavailable,
    kernel::{
        Attempt, Backend, Findings, Function, Lockdown, Part, Reason, System, Trials, Types,
        VMLINUX_BTF, Way,
    },
};

/// Everything is there.
pub fn fine() -> Findings {
    let names = ["vfs_read", "vfs_write", "do_sys_openat2"];
    let works = |name: &'static str| (name, Ok(()));
    Findings {
        system: System {
            release: Some("6.12.95+deb13-amd64".to_owned()),
            lockdown: Some(Lockdown::None),
            tracefs: Some(Some("/sys/kernel/tracing".into())),
            kprobes: Some(true),
            root: true,
            capabilities: Some(!0),
            bounding: Some(!0),
            unlimited_memlock: Some(false),
            ftrace: Some(true),
            kprobes_armed: None,
            perf_event_paranoid: Some(2),
            pid_namespace: Some(false),
            user_namespace: Some(false),
            seccomp: Some(false),
        },
        architecture: "x86_64",
        btf_path: VMLINUX_BTF.into(),
        types: Ok(Types {
            bytes: 5 << 20,
            count: 100_000,
            foreign: false,
            functions: names
                .map(|name| Function {
                    name,
                    arguments: Some(vec!["file".to_owned(), "buf".to_owned()]),
                    unusable: None,
                })
                .into(),
            parts: vec![part("opens", &[])],
        }),
        trials: Trials {
            fexit: Some(Ok(())),
            kprobe: Ok(()),
            raw_tracepoint: Ok(()),
            maps: ["ring buffer", "hash", "array of maps"].map(works).into(),
            tracepoints: ["sys_exit", "sched_process_fork"].map(works).into(),
            counts_missed_runs: Some(true),
        },
        attempts: Backend::ALL
            .map(|backend| Attempt {
                backend,
                top: Ok(vec![Way::Mapped]),
                opens: Ok(Vec::new()),
            })
            .into(),
    }
}

/// Something that needs these fields, which the kernel does not have.
pub fn part(name: &'static str, missing: &[&'static str]) -> Part {
    Part {
        name,
        without: "something is not told",
        vital: false,
        missing: missing.to_vec(),
    }
}

/// The kernel refuses a backend with this number.
pub fn refuse(findings: &mut Findings, backend: Backend, errno: i32) {
    let refused = || {
        let tried = vec![(backend, Reason::of_kernel(errno))];
        Err(Unavailable::NoBackend {
            advice: advice::refused(&System::below("/nonexistent".as_ref()), &tried),
            tried,
        })
    };
    for attempt in &mut findings.attempts {
        if attempt.backend == backend {
            attempt.top = refused();
            attempt.opens = refused();
        }
    }
}
