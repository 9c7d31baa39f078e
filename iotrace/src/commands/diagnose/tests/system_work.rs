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
    assert!(found.sentence.contains("90 % of what the devices do"));
    assert!(says(&found.evidence, "md0: resync, 25 % done"));
    // The application does it, and the array only a little.
    let found = of(61 * MIB);
    assert_eq!(who(&found), ("process", Some(10)));
    assert!(says(
        &found.also,
        "resync of an md array: there (md0: resync, 25 % done), up to 39.0 %"
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

/// Two disks, and an array that copies what it is told to both.
fn mirror(written: u64, checked: u64) -> [Event; 3] {
    let device = |name: &str, kind, below: &[&str], read_bytes, write_bytes| {
        let Event::Device(device) = disk(read_bytes, write_bytes) else {
            panic!("no device");
        };
        Event::Device(Device {
            name: name.to_owned(),
            kind,
            below: below.iter().map(ToString::to_string).collect(),
            ..device
        })
    };
    [
        device("sda", DeviceKind::Disk, &[], checked, written),
        device("sdb", DeviceKind::Disk, &[], checked, written),
        device("md0", DeviceKind::Raid, &["sda", "sdb"], 0, written),
    ]
}

#[test]
fn what_an_array_writes_twice_is_its_writers() {
    let check = || work(WorkKind::Md, "md0", "check", None);
    let found = verdict(
        mirror(100 * MIB, 10 * MIB)
            .into_iter()
            .chain([check(), proc(10, "writer", 0, 100 * MIB)]),
    );
    assert_eq!(who(&found), ("process", Some(10)));
    assert!(says(&found.evidence, "processes explain 83 %"));
    let found = verdict(
        mirror(MIB, 50 * MIB)
            .into_iter()
            .chain([check(), proc(10, "writer", 0, MIB)]),
    );
    assert_eq!(who(&found), ("scrub", None));
}

#[test]
fn what_only_reads_did_not_write() {
    let found = verdict([
        disk(0, 100 * MIB),
        work(WorkKind::Md, "md0", "check", None),
        proc(10, "app", 0, 10 * MIB),
    ]);
    assert_eq!(who(&found), ("unclear", None));
}

/// Nobody knows what processes did whose accounts are not told.
#[test]
fn the_kernel_is_not_accused_for_processes_that_are_hidden() {
    let hidden = Event::Proc(Proc {
        pid: 11,
        tid: None,
        facts: Arc::new(facts("secret")),
        accounts: None,
        io_wait_ns: None,
        threads: None,
        ended: false,
    });
    let found = verdict([
        disk(100 * MIB, 0),
        work(WorkKind::Md, "md0", "resync", None),
        proc(10, "app", 10 * MIB, 0),
        hidden,
    ]);
    assert_eq!(who(&found), ("unclear", None));
}

#[test]
fn work_that_was_there_for_a_moment_is_less_sure() {
    let looks = (0..10).map(|_| Event::System(System::default()));
    let resync = work(WorkKind::Md, "md0", "resync", None);
    let events = looks.chain([disk(100 * MIB, 0), resync, proc(10, "app", 10 * MIB, 0)]);
    assert_eq!(who(&verdict(events)), ("unclear", None));
}

#[test]
fn a_backup_of_no_known_machine_names_none() {
    let found = verdict([
        disk(120 * MIB, 0),
        kvm(501, 105, "k3s", 100 * MIB),
        kvm(502, 106, "web", 10 * MIB),
        proc(
            600,
            "task UPID:host:001854D2:1B2ADD95:693C976B:vzdump::root@pam:",
            0,
            0,
        ),
    ]);
    assert_eq!(who(&found), ("backup", Some(501)));
    assert!(
        found.sentence.starts_with("Backup by vzdump through kvm"),
        "{}",
        found.sentence
    );
    assert!(!found.sentence.contains("not the guest"));
    assert!(found.confidence < 0.5);
}

/// An idle backup job, and somebody else's copy.
#[test]
fn a_job_is_no_excuse_for_what_it_did_not_start() {
    let found = verdict([
        disk(100 * MIB, 0),
        proc(10, "/usr/local/bin/backup.sh", 0, 0),
        proc(11, "dd if=/dev/sda of=/dev/null", 100 * MIB, 0),
    ]);
    assert_eq!(who(&found), ("process", Some(11)));
}

/// A dump that waits, and a database that works.
#[test]
fn of_a_database_only_what_serves_the_dump_is_the_dumps() {
    let of = |title: &str| {
        verdict([
            disk(100 * MIB, 0),
            proc(10, "/usr/bin/pg_dump app", 0, 0),
            proc(11, title, 90 * MIB, 0),
        ])
        .cause
    };
    assert_eq!(of("postgres: app app [local] COPY"), "backup");
    assert_eq!(of("postgres: app app 10.0.0.7(50000) SELECT"), "database");
}

#[test]
fn who_holds_a_lock_does_its_work() {
    let found = verdict([
        disk(0, 100 * MIB),
        work(WorkKind::Lock, "/var/lib/dpkg/lock", "held", Some(10)),
        proc(10, "/opt/own-installer", 0, 90 * MIB),
    ]);
    assert_eq!(who(&found), ("packages", Some(10)));
}
