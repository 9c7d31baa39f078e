//! Systems that nobody has to boot: what is told about each.

use caps::Capability;

use super::*;
use crate::{
    advice,
    commands::doctor::{
        State,
        fixtures::{fine, part, refuse},
        text,
    },
    error::Unavailable,
    kernel::Reason,
};

/// As every start ends on this system.
fn refuse_all(findings: &mut Findings, error: impl Fn() -> Unavailable) {
    for attempt in &mut findings.attempts {
        attempt.top = Err(error());
        attempt.opens = Err(error());
    }
}

fn check(report: &Report, group: &str, name: &str) -> Check {
    let mut checks = report.checks.iter();
    let found = checks.find(|check| check.group == group && check.name == name);
    found.expect("the check").clone()
}

/// The text, of which no line may be too long.
fn shown(report: &Report) -> String {
    let mut out = Vec::new();
    text::write(report, None, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert_eq!(line.trim_end(), line);
    }
    assert!(
        text.trim_end()
            .ends_with(report.verdict.sentence.rsplit(' ').next().expect("a word"))
    );
    text
}

/// Nothing works, and one of the lines has this advice, which is shown once.
fn advises(findings: &Findings, advice: &str) -> Report {
    let report = report(findings);
    assert!(!report.verdict.works);
    assert_eq!((report.verdict.top, report.verdict.opens), (None, None));
    let mut checks = report.checks.iter();
    assert!(
        checks.any(|check| check.advice.iter().any(|line| line == advice)),
        "{advice}"
    );
    let start = &advice[..30];
    assert_eq!(shown(&report).matches(start).count(), 1, "{start}");
    report
}

#[test]
fn all_is_fine() {
    let report = report(&fine());
    for check in &report.checks {
        let good = matches!(check.state, State::Ok | State::Info);
        assert!(good && check.advice.is_empty(), "{check:?}");
    }
    assert!(report.verdict.works && report.verdict.refused.is_empty());
    assert_eq!(
        report.verdict.sentence,
        "Tracing will work: `top` and `opens` by backend fentry."
    );
    assert!(!shown(&report).contains("!!"));
}

#[test]
fn lockdown_keeps_the_memory_secret() {
    let mut findings = fine();
    findings.system.lockdown = Some(Lockdown::Confidentiality);
    for backend in Backend::ALL {
        refuse(&mut findings, backend, libc::EPERM);
    }
    let report = advises(&findings, &advice::confidentiality());
    assert_eq!(check(&report, "kernel", "lockdown").state, State::Missing);
    assert!(report.verdict.sentence.contains("lockdown"));
}

#[test]
fn without_types_nothing_is_tried() {
    let mut findings = fine();
    let error = || Unavailable::NoBtf {
        path: crate::kernel::VMLINUX_BTF.into(),
        reason: "No such file".to_owned(),
    };
    findings.types = Err(error());
    findings.trials.fexit = None;
    refuse_all(&mut findings, error);
    let advice = error().advice();
    let report = advises(&findings, &advice[0]);
    assert_eq!(check(&report, "types", "file").state, State::Missing);
    assert_eq!(
        check(&report, "programs", "fentry/fexit").state,
        State::Unknown
    );
    assert!(!report.checks.iter().any(|check| check.group == "features"));
    assert!(report.verdict.sentence.contains("type information"));
}

#[test]
fn without_privileges_both_capabilities_are_named() {
    let mut findings = fine();
    findings.system.root = false;
    findings.system.capabilities = Some(0);
    let error = || findings.system.check_privileges().expect_err("refused");
    let (first, second) = (error(), error());
    let said = first.to_string();
    refuse_all_with(&mut findings.attempts, first, second);
    let advice = advice::privileges(&findings.system);
    assert!(advice.contains("sudo iotrace") && advice.contains("cap_bpf,cap_perfmon+ep"));
    let report = report(&findings);
    assert_eq!(
        check(&report, "privileges", "CAP_BPF").state,
        State::Missing
    );
    assert_eq!(
        check(&report, "privileges", "CAP_PERFMON").advice,
        std::slice::from_ref(&advice)
    );
    assert_eq!(
        report.verdict.sentence,
        "Tracing will not work: missing CAP_BPF and CAP_PERFMON."
    );
    // The error of start-up says the same.
    assert!(said.starts_with("missing CAP_BPF and CAP_PERFMON: "));
    assert!(said.contains(&advice) && said.contains("iotrace doctor"));
    shown(&report);
}

fn refuse_all_with(attempts: &mut Vec<Attempt>, top: Unavailable, opens: Unavailable) {
    attempts.truncate(1);
    attempts[0].top = Err(top);
    attempts[0].opens = Err(opens);
}

#[test]
fn root_without_rights_is_in_a_container() {
    let mut system = fine().system;
    system.capabilities = Some(0xa804_25fb);
    system.bounding = system.capabilities;
    assert!(advice::privileges(&system).contains("--cap-add"));
    system.root = false;
    assert!(
        advice::privileges(&system).contains("--cap-add"),
        "sudo gives no more"
    );
}

#[test]
fn the_kernel_is_too_old() {
    let mut findings = fine();
    findings.system.release = Some("4.19.0-27-amd64".to_owned());
    findings.trials.maps[0].1 = Err(Reason::of_kernel(libc::EINVAL));
    for backend in Backend::ALL {
        refuse(&mut findings, backend, libc::EINVAL);
    }
    let report = advises(&findings, &advice::too_old());
    assert_eq!(check(&report, "kernel", "release").state, State::Missing);
    assert!(report.verdict.sentence.ends_with("this kernel is too old."));
}

#[test]
fn a_ring_buffer_in_an_old_kernel_is_taken() {
    let mut findings = fine();
    findings.system.release = Some("4.18.0-553.el8".to_owned());
    let release = check(&report(&findings), "kernel", "release");
    assert_eq!((release.state, release.advice.len()), (State::Reduced, 0));
}

#[test]
fn two_capabilities_are_enough() {
    let mut findings = fine();
    let both = Capability::CAP_BPF.bitmask() | Capability::CAP_PERFMON.bitmask();
    findings.system.root = false;
    findings.system.capabilities = Some(both);
    let new = report(&findings);
    assert!(new.verdict.works);
    assert_eq!(
        check(&new, "privileges", "CAP_SYS_RESOURCE").state,
        State::Info
    );
    // An older kernel wants a third one, or a higher limit.
    findings.system.release = Some("5.10.0-30-amd64".to_owned());
    let old = check(&report(&findings), "privileges", "CAP_SYS_RESOURCE");
    assert_eq!(old.state, State::Reduced);
    assert_eq!(old.advice, [advice::memlock()]);
    // Some distributions want more for kprobes.
    findings.system.release = Some("6.12.95".to_owned());
    findings.system.perf_event_paranoid = Some(3);
    refuse(&mut findings, Backend::Kprobe, libc::EACCES);
    let kprobe = check(&report(&findings), "backends", "kprobe");
    assert!(kprobe.advice[0].contains("perf_event_paranoid=2"));
}

#[test]
fn all_rights_contain_the_two() {
    let mut findings = fine();
    findings.system.capabilities = Some(Capability::CAP_SYS_ADMIN.bitmask());
    let bpf = check(&report(&findings), "privileges", "CAP_BPF");
    assert_eq!((bpf.state, bpf.advice.len()), (State::Ok, 0));
}

#[test]
fn in_a_pid_namespace_ids_are_those_of_the_host() {
    let mut findings = fine();
    findings.system.pid_namespace = Some(true);
    let report = report(&findings);
    let ids = check(&report, "container", "process ids");
    assert_eq!(ids.state, State::Reduced);
    assert_eq!(ids.advice, [advice::pid_namespace()]);
    assert!(report.verdict.works);
}

#[test]
fn rights_of_a_user_namespace_are_not_enough() {
    let mut findings = fine();
    findings.system.user_namespace = Some(true);
    for backend in Backend::ALL {
        refuse(&mut findings, backend, libc::EPERM);
    }
    let report = advises(&findings, &advice::user_namespace());
    assert_eq!(
        check(&report, "privileges", "CAP_BPF").state,
        State::Reduced
    );
}

#[test]
fn only_syscall_works() {
    let mut findings = fine();
    findings.system.kprobes = Some(false);
    findings.trials.fexit = Some(Err(Reason::of_kernel(libc::EPERM)));
    refuse(&mut findings, Backend::Fentry, libc::EPERM);
    refuse(&mut findings, Backend::Kprobe, libc::ENOENT);
    let report = report(&findings);
    assert!(report.verdict.works);
    let chosen = (report.verdict.top, report.verdict.opens);
    assert_eq!(chosen, (Some(Backend::Syscall), Some(Backend::Syscall)));
    let refused: Vec<&str> = report
        .verdict
        .refused
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(refused, ["fentry", "kprobe"]);
    let advice = |group, name| check(&report, group, name).advice;
    assert!(advice("backends", "kprobe")[0].contains("CONFIG_KPROBES"));
    assert_eq!(
        advice("programs", "fentry/fexit"),
        advice("backends", "fentry")
    );
    shown(&report);
}

#[test]
fn a_field_that_is_missing_reduces() {
    let mut findings = fine();
    if let Ok(types) = &mut findings.types {
        types.parts = vec![part("opens", &["open_how.flags"])];
    }
    let opens = check(&report(&findings), "features", "opens");
    assert_eq!(opens.state, State::Reduced);
    assert!(
        opens
            .found
            .is_some_and(|found| found.contains("open_how.flags"))
    );
}

#[test]
fn names_from_outside_are_harmless() {
    let mut findings = fine();
    findings.btf_path = "/tmp/\u{1b}[31m\u{202e}x".into();
    let text = shown(&report(&findings));
    assert!(!text.contains(|c| c != '\n' && crate::output::sanitize::is_unsafe(c)));
}
