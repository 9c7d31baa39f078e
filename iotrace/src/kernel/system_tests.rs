use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// A system of these files; the links are those of the namespaces.
fn system(files: &[(&str, &str)], links: &[(&str, &str)]) -> System {
    let root = TempDir::new().expect("a directory");
    let place = |path: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a file's directory")).expect("directories");
        path
    };
    for (path, text) in files {
        fs::write(place(path), text).expect("a file");
    }
    for (path, target) in links {
        symlink(target, place(path)).expect("a link");
    }
    System::below(root.path())
}

#[test]
fn nothing_is_known_of_an_empty_directory() {
    let unknown = System {
        release: None,
        lockdown: None,
        tracefs: None,
        kprobes: None,
        root: false,
        capabilities: None,
        bounding: None,
        unlimited_memlock: None,
        ftrace: None,
        kprobes_armed: None,
        perf_event_paranoid: None,
        pid_namespace: None,
        user_namespace: None,
        seccomp: None,
    };
    assert_eq!(system(&[], &[]), unknown);
    assert!(unknown.check_privileges().is_ok(), "loading will tell");
    assert!(!unknown.is_before((5, 10)));
}

#[test]
fn everything_is_read() {
    let files = [
        ("proc/sys/kernel/osrelease", "6.12.95+deb13-cloud-amd64\n"),
        (
            "proc/self/status",
            "Name:\tx\nUid:\t1000\t0\t0\t0\nCapEff:\t000000c000000000\n\
             CapBnd:\t000001ffffffffff\nSeccomp:\t2\n",
        ),
        (
            "proc/self/limits",
            "Max processes             1  1  processes\n\
             Max locked memory         8388608              unlimited            bytes\n",
        ),
        (
            "proc/self/mounts",
            "proc /proc proc rw 0 0\nx /sys/kernel/tracing tracefs rw 0 0\n",
        ),
        (
            "sys/kernel/security/lockdown",
            "none [integrity] confidentiality\n",
        ),
        ("sys/bus/event_source/devices/kprobe/type", "6\n"),
        ("proc/sys/kernel/perf_event_paranoid", "-1\n"),
    ];
    let links = [
        ("proc/self/ns/pid", "pid:[4026532201]"),
        ("proc/self/ns/user", FIRST_USER_NAMESPACE),
    ];
    let found = system(&files, &links);
    assert_eq!(found.version(), Some((6, 12)));
    assert_eq!(found.lockdown, Some(Lockdown::Integrity));
    assert_eq!(found.tracefs, Some(Some("/sys/kernel/tracing".into())));
    assert_eq!(found.kprobes, Some(true));
    assert_eq!(found.unlimited_memlock, Some(false));
    assert_eq!(found.perf_event_paranoid, Some(-1));
    assert!(found.root);
    let container = (found.pid_namespace, found.user_namespace, found.seccomp);
    assert_eq!(container, (Some(true), Some(false), Some(true)));
    assert_eq!(found.has(Capability::CAP_BPF), Some(true));
    assert_eq!(found.has(Capability::CAP_SYS_ADMIN), Some(false));
    assert!(found.check_privileges().is_ok());
}

#[test]
fn what_is_not_there_is_told_from_what_is_not_known() {
    let files = [
        ("proc/self/mounts", "proc /proc proc rw 0 0\n"),
        ("sys/kernel/security/lsm", "capability"),
        ("sys/bus/event_source/devices/tracepoint/type", "2\n"),
        ("proc/self/status", "CapEff:\t0000008000000000\n"),
    ];
    let found = system(&files, &[]);
    assert_eq!(found.tracefs, Some(None));
    assert_eq!(found.lockdown, Some(Lockdown::Absent));
    assert_eq!(found.kprobes, Some(false));
    match found.check_privileges() {
        Err(Unavailable::Privileges { missing, .. }) => {
            assert_eq!(missing, [Capability::CAP_PERFMON]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn releases_have_many_forms() {
    let version = |release: &str| system(&[("proc/sys/kernel/osrelease", release)], &[]).version();
    assert_eq!(version("5.10.0-30-cloud-amd64"), Some((5, 10)));
    assert_eq!(version("7.2-rc1"), Some((7, 2)));
    assert_eq!(version("next"), None);
}

#[test]
fn programs_that_would_never_run_are_not_attached() {
    let off = system(&[("proc/sys/kernel/ftrace_enabled", "0\n")], &[]);
    assert!(off.runs_programs_of(Backend::Fentry).is_err());
    assert!(off.runs_programs_of(Backend::Syscall).is_ok());
    let off = system(&[("sys/kernel/debug/kprobes/enabled", "0\n")], &[]);
    assert!(off.runs_programs_of(Backend::Kprobe).is_err());
    assert!(off.runs_programs_of(Backend::Fentry).is_ok());
    let on = system(
        &[
            ("proc/sys/kernel/ftrace_enabled", "1\n"),
            ("sys/bus/event_source/devices/kprobe/type", "6\n"),
        ],
        &[],
    );
    assert!(
        Backend::ALL
            .map(|backend| on.runs_programs_of(backend))
            .iter()
            .all(Result::is_ok)
    );
}
