mod file;
mod lines;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::event::WorkKind;
use lines::{RECOGNISED, STRANGERS};

fn facts(command: &str) -> Facts {
    Facts {
        command: Some(Bytes::copy_from_slice(command.as_bytes())),
        ..Facts::default()
    }
}

/// Names of what is found, the most specific first.
fn names<'a>(catalogue: &'a Catalogue, facts: &Facts) -> Vec<&'a str> {
    let matches = catalogue.of_process(facts).into_iter();
    matches.map(|one| one.entry.name.as_str()).collect()
}

#[test]
fn programs_are_recognised_by_what_they_are() {
    let catalogue = Catalogue::embedded();
    for line in RECOGNISED.lines().skip(1) {
        let (name, command) = line.split_once(": ").expect("a pair");
        let found = names(&catalogue, &facts(command));
        assert_eq!(found.first(), Some(&name), "{command}: {found:?}");
    }
}

#[test]
fn a_mention_is_not_enough() {
    let catalogue = Catalogue::embedded();
    for command in STRANGERS.lines().chain(["", " "]) {
        let found = names(&catalogue, &facts(command));
        assert_eq!(found, [""; 0], "{command}");
    }
}

#[test]
fn the_most_specific_way_comes_first() {
    let catalogue = Catalogue::embedded();
    let by = |facts: &Facts| {
        let matches = catalogue.of_process(facts).into_iter();
        let ways = matches.map(|one| (one.entry.name.as_str(), one.by));
        ways.collect::<Vec<_>>()
    };
    let dump = Facts {
        unit: Some("shop-backup.service".to_owned()),
        ..facts("tar czf /b/shop.tgz /srv/shop")
    };
    assert_eq!(
        by(&dump),
        [("tar", By::Arguments), ("backup-job", By::Unit)]
    );
    let sender = facts("postgres: walsender repl 10.0.0.2(40112) sending backup \"x\"");
    let found = by(&sender);
    assert_eq!(found[0], ("pg_basebackup", By::Command));
    assert_eq!(found.last(), Some(&("postgres", By::Command)));
    // A process of docker that says what it does, by the name in the first word.
    let layer = Facts {
        exe: Some(Bytes::from_static(b"/usr/bin/dockerd")),
        ..facts("docker-applyLayer /x")
    };
    assert_eq!(
        by(&layer),
        [
            ("docker-layer", By::Program),
            ("container-daemon", By::Program)
        ]
    );
}

#[test]
fn little_is_enough_where_there_is_no_more() {
    let catalogue = Catalogue::embedded();
    let of = |facts: Facts| {
        catalogue
            .of_process(&facts)
            .first()
            .map(|one| (one.entry.name.as_str(), one.by))
    };
    let comm = |comm: &'static str| Facts {
        comm: Bytes::from_static(comm.as_bytes()),
        ..Facts::default()
    };
    assert_eq!(of(comm("restic")), Some(("restic", By::Comm)));
    assert_eq!(of(comm("updatedb.mlocat")), Some(("updatedb", By::Comm)));
    assert_eq!(of(comm("tracker-miner-f")), Some(("tracker", By::Comm)));
    // It may be unpacking.
    assert_eq!(of(comm("tar")), None);
    // `unattended-upgrade`, or what waits for the end of the system.
    assert_eq!(of(comm("unattended-upgr")), None);
    // Where the command is known, the name of a thread does not count.
    assert_eq!(
        of(Facts {
            command: facts("sleep 1").command,
            ..comm("restic")
        }),
        None
    );
    let exe = Facts {
        exe: Some(Bytes::from_static(b"/usr/bin/clamscan (deleted)")),
        ..comm("x")
    };
    assert_eq!(of(exe), Some(("clamav", By::Program)));
    let unit = Facts {
        unit: Some("apt-daily-upgrade.service".to_owned()),
        ..facts("gzip -9")
    };
    assert_eq!(of(unit), Some(("apt", By::Unit)));
    let other = Facts {
        unit: Some("backup-portal.service".to_owned()),
        ..facts("gzip -9")
    };
    assert_eq!(of(other), None);
}

#[test]
fn threads_of_the_kernel_are_known_by_their_names() {
    let catalogue = Catalogue::embedded();
    // Name, work, carrier.
    let cases = [
        ("md127_resync", "md-thread", "md"),
        ("md0_reshape", "md-reshape", "md"),
        ("md0_raid1", "", "md"),
        ("dsl_scan_iss", "zfs-scrub", "zfs-scan"),
        ("receive_writer", "zfs-receive", "zfs-io"),
        ("z_rd_int_1", "", "zfs-io"),
        ("z_wr_iss", "", "zfs-io"),
        ("zvol_tq-0", "", "zvol"),
        ("txg_sync", "", "zfs-sync"),
        ("kworker/u16:3-flush-259:0", "", "writeback"),
        ("kworker/u16:3+flush-253:1", "", "writeback"),
        ("kworker/u16:3", "", "kworker"),
        ("kworker/0:1H-kblockd", "", "kworker"),
        ("kworker/u9:2-kcryptd/253:0", "", "dm-crypt"),
        ("kworker/2:1-xfs-conv/dm-0", "", "xfs"),
        ("kworker/u8:4-loop7", "", "loop"),
        ("kworker/u8:2-btrfs-endio", "", "btrfs"),
        ("kworker/u8:2+btrfs-scrub", "btrfs-scrub", "btrfs"),
        ("loop3", "", "loop"),
        ("dmcrypt_write/2", "", "dm-crypt"),
        ("jbd2/sda1-8", "", "ext4"),
        ("xfsaild/dm-0", "", "xfs"),
        ("btrfs-transacti", "", "btrfs"),
        ("kswapd0", "kswapd", "swap"),
        ("drbd_r_r0", "drbd", "drbd"),
        ("nfsd", "", "file-server"),
        ("ksoftirqd/0", "", ""),
        ("kthreadd", "", ""),
        ("khugepaged", "", ""),
        ("restic", "", ""),
    ];
    for (comm, work, carrier) in cases {
        let thread = Facts {
            comm: Bytes::from_static(comm.as_bytes()),
            kernel: true,
            ..Facts::default()
        };
        let found = names(&catalogue, &thread);
        assert_eq!(found.first().copied().unwrap_or_default(), work, "{comm}");
        let found = catalogue.carrier(comm.as_bytes());
        assert_eq!(found.map_or("", |carrier| &carrier.name), carrier, "{comm}");
        // A process that calls itself so is none of them.
        let process = Facts {
            kernel: false,
            ..thread
        };
        if !work.is_empty() {
            assert_eq!(names(&catalogue, &process), [""; 0], "{comm}");
        }
    }
}

#[test]
fn states_of_the_system_are_known() {
    let catalogue = Catalogue::embedded();
    // Kind, name, state, entry.
    let cases = "
        md md0 check md-check
        md md0 resync md-resync
        md md0 recover md-resync
        md md0 reshape md-reshape
        md md0 idle -
        btrfs 1c2d balance btrfs-balance
        btrfs 1c2d device_replace btrfs-replace
        btrfs 1c2d balance_paused -
        zfs rpool scrub zfs-scrub
        zfs rpool resilver zfs-resilver
        lock /run/vzdump.lock held vzdump
        lock /var/run/vzdump.lock held vzdump
        lock /var/lib/dpkg/lock-frontend held dpkg
        lock /var/lib/logrotate/status held logrotate
        lock /srv/app.lock held -";
    for case in cases.lines().skip(1) {
        let words: Vec<&str> = case.split_whitespace().collect();
        let work = Work {
            kind: WorkKind::from_name(words[0]).expect("a kind"),
            name: words[1].to_owned(),
            state: words[2].replace('_', " "),
            done: None,
            pid: None,
        };
        let found = catalogue.of_work(&work).map_or("-", |entry| &entry.name);
        assert_eq!(found, words[3], "{case}");
    }
    let locks = catalogue.lock_files();
    assert!(locks.contains(&"/run/vzdump.lock".into()));
    assert!(locks.iter().all(|lock| lock.is_absolute()));
}

#[test]
fn a_backup_of_a_guest_goes_through_its_process() {
    let catalogue = Catalogue::embedded();
    let backup = facts("task UPID:host:001854D2:1B2ADD95:693C976B:vzdump:105:root@pam:");
    let found = catalogue.of_process(&backup);
    assert_eq!(found[0].entry.io, Io::Other);
    assert!(found[0].entry.goes_through(&facts("/usr/bin/kvm -id 105")));
    assert!(!found[0].entry.goes_through(&facts("/usr/sbin/mysqld")));
}

#[test]
fn the_embedded_file_is_sound() {
    File::parse(EMBEDDED, Path::new("catalogue.toml")).expect("no errors");
    let catalogue = Catalogue::embedded();
    let causes = catalogue.causes();
    let all = "backup restore disk_move replication scrub resync trim balance filesystem_check disk_test \
        indexing integrity_check antivirus packages log_rotation container_pull swap database_maintenance";
    for cause in all.split_whitespace() {
        assert!(causes.contains(&cause), "{cause}");
    }
    assert_eq!(causes.len(), all.split_whitespace().count());
    for entry in catalogue.entries() {
        assert!(
            !entry.title.is_empty() && !entry.look.is_empty(),
            "{}",
            entry.name
        );
        // Whoever knows that others do it, knows who.
        let silent = entry.name == "smart";
        assert_eq!(
            entry.io == Io::Other && !silent,
            !entry.through.is_empty(),
            "{}",
            entry.name
        );
    }
}

proptest! {
    #[test]
    fn any_process_is_looked_at(
        command in prop::option::of(prop::collection::vec(any::<u8>(), 0..60)),
        comm in prop::collection::vec(any::<u8>(), 0..15),
        exe in prop::option::of(prop::collection::vec(any::<u8>(), 0..30)),
        unit in prop::option::of("\\PC{0,20}"),
        kernel in any::<bool>(),
    ) {
        // Made once: it takes longer than all the rest.
        static CATALOGUE: std::sync::LazyLock<Catalogue> = std::sync::LazyLock::new(Catalogue::embedded);
        let facts = Facts {
            comm: comm.into(),
            command: command.map(Bytes::from),
            exe: exe.map(Bytes::from),
            kernel,
            unit,
            ..Facts::default()
        };
        for one in CATALOGUE.of_process(&facts) {
            let _ = one.entry.goes_through(&facts);
        }
        let _ = CATALOGUE.carrier(&facts.comm);
    }
}
