//! Work of the system, and virtual machines.

use super::*;

const VZDUMP: &str = "task UPID:host:001854D2:1B2ADD95:693C976B:vzdump:105:root@pam:";

fn kvm(pid: u32, id: u32, name: &str, read: u64) -> Event {
    let command = format!(
        "/usr/bin/kvm -id {id} -name {name} -drive file=/dev/vg/vm-{id}-disk-0,if=none,id=d0"
    );
    proc(pid, &command, read, 0)
}

fn lock(pid: u32) -> Event {
    work(WorkKind::Lock, "/run/vzdump.lock", "held", Some(pid))
}

#[test]
fn a_backup_through_the_machine_that_it_is_for() {
    let found = verdict([
        disk(120 * MIB, 0),
        kvm(500, 104, "db", 10 * MIB),
        kvm(501, 105, "k3s", 100 * MIB),
        kvm(502, 106, "web", 10 * MIB),
        proc(600, VZDUMP, 0, 0),
        lock(600),
        proc(700, "/opt/app/server", MIB, 0),
    ]);
    assert_eq!(who(&found), ("backup", Some(501)));
    assert!(
        found
            .sentence
            .starts_with("Backup of VM 105 (vzdump) through kvm (pid 501)"),
        "{}",
        found.sentence
    );
    assert_eq!(found.files, ["/dev/vg/vm-105-disk-0"]);
    assert!(says(&found.evidence, "/run/vzdump.lock: held by pid 600"));
    assert!(says(&found.evidence, "is VM 105 \"k3s\""));
    assert!(says(&found.ruled_out, "server (pid 700)"));
    assert!(!says(&found.ruled_out, "not running: backup"));
    assert!(found.confidence > 0.7);
}

#[test]
fn the_same_without_a_backup_is_the_guest() {
    let found = verdict([
        disk(120 * MIB, 0),
        kvm(501, 105, "k3s", 100 * MIB),
        kvm(502, 106, "web", 10 * MIB),
    ]);
    assert_eq!(who(&found), ("vm_guest", Some(501)));
    assert!(found.sentence.starts_with("VM 105 \"k3s\", kvm (pid 501)"));
    assert_eq!(found.files, ["/dev/vg/vm-105-disk-0"]);
    assert!(says(&found.ruled_out, "not running: backup"));
    let little = verdict([disk(300 * MIB, 0), kvm(501, 105, "k3s", 100 * MIB)]);
    assert_eq!(who(&little), ("unclear", None));
}

#[test]
fn a_backup_of_one_machine_is_no_excuse_for_another() {
    let found = verdict([
        disk(120 * MIB, 0),
        kvm(501, 105, "k3s", 2 * MIB),
        kvm(502, 106, "web", 100 * MIB),
        proc(600, VZDUMP, 0, 0),
    ]);
    assert_eq!(who(&found), ("vm_guest", Some(502)));
    assert!(says(
        &found.ruled_out,
        "backup by vzdump: there (pid 600: task UPID"
    ));
}

#[test]
fn a_backup_by_itself() {
    let of = |read| {
        verdict([
            disk(100 * MIB, 0),
            proc(10, "/usr/bin/restic backup /home", read, 0),
        ])
    };
    let found = of(40 * MIB);
    assert_eq!(who(&found), ("backup", Some(10)));
    assert!(
        found
            .sentence
            .starts_with("Backup by restic: restic (pid 10)")
    );
    assert_eq!(who(&of(39 * MIB)), ("unclear", None));
}

#[test]
fn what_a_backup_starts_is_its_work() {
    let mut child = facts("/usr/bin/ssh host");
    child.ppid = Some(10);
    let found = verdict([
        disk(100 * MIB, 0),
        proc(10, "/usr/bin/restic backup /home", 10 * MIB, 0),
        proc_of(11, child, usage(80 * MIB, 0)),
    ]);
    assert_eq!(who(&found), ("backup", Some(11)));
}

#[test]
fn a_backup_that_does_little_is_ruled_out() {
    let found = verdict([
        disk(100 * MIB, 0),
        proc(10, "/usr/bin/restic backup /home", MIB, 0),
        proc(11, "/opt/app/server", 90 * MIB, 0),
    ]);
    assert_eq!(who(&found), ("process", Some(11)));
    assert!(says(
        &found.ruled_out,
        "backup by restic: there (pid 10: /usr/bin/restic backup /home), but does 1.0 % of all disk I/O"
    ));
}

#[test]
fn a_database_is_named_as_what_it_is() {
    let found = verdict([
        disk(0, 100 * MIB),
        proc(10, "postgres: checkpointer", 0, 60 * MIB),
        proc(11, "postgres: app db 10.0.0.1(5) UPDATE", 0, 30 * MIB),
    ]);
    assert_eq!(found.cause, "database");
    assert_eq!(culprit(&found), Some(10));
}

#[test]
fn work_of_the_kernel_that_no_process_explains() {
    let of = |explained| {
        verdict([
            disk(100 * MIB, 0),
            work(WorkKind::Md, "md0", "resync", None),
            proc(10, "app", explained, 0),
        ])
    };
    let found = of(10 * MIB);
    assert_eq!(who(&found), ("resync", None));
    assert!(
        found
            .sentence
            .contains("done by the kernel, not by a process")
    );
    assert!(says(&found.evidence, "md0: resync, 25 % done"));
    // The application does it, and the array only a little.
    let found = of(61 * MIB);
    assert_eq!(who(&found), ("process", Some(10)));
    assert!(says(
        &found.ruled_out,
        "resync of an md array: there (md0: resync, 25 % done)"
    ));
}

#[test]
fn what_no_process_explains_without_a_sign_of_work_is_unclear() {
    let found = verdict([disk(100 * MIB, 0), proc(10, "app", 10 * MIB, 0)]);
    assert_eq!(who(&found), ("unclear", None));
}

#[test]
fn work_that_only_waits_is_none() {
    let found = verdict([
        disk(100 * MIB, 0),
        work(WorkKind::Md, "md0", "delayed", None),
        proc(10, "app", 10 * MIB, 0),
    ]);
    assert_eq!(who(&found), ("unclear", None));
    assert!(says(&found.ruled_out, "resync"));
}
