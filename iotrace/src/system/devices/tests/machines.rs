//! Machines as they are met.

use super::*;
use crate::event::Stack;

#[test]
fn a_laptop_with_encrypted_lvm() {
    let tree = Tree::new();
    tree.disk("nvme0n1", 1_000_215_216);
    tree.partition("nvme0n1", "nvme0n1p1", 1);
    tree.partition("nvme0n1", "nvme0n1p3", 3);
    for (name, label, below) in [
        ("dm-0", "nvme0n1p3_crypt", "nvme0n1p3"),
        ("dm-1", "vg0-root", "dm-0"),
        ("dm-2", "vg0-swap_1", "dm-0"),
    ] {
        tree.disk(name, 900_000_000);
        tree.write(
            &format!("sys/devices/x/{name}/dm/name"),
            format!("{label}\n"),
        );
        tree.slave(name, below);
    }
    let stats = |stat: Stat| {
        tree.stats(&[
            ("nvme0n1", (259, 0), stat),
            ("nvme0n1p1", (259, 1), IDLE),
            ("nvme0n1p3", (259, 3), stat),
            ("dm-0", (253, 0), stat),
            ("dm-1", (253, 1), stat),
            ("dm-2", (253, 2), Stat::default()),
        ]);
    };
    let before = Stat {
        reads: 100,
        read_sectors: 2000,
        read_ms: 70,
        writes: 50,
        write_sectors: 800,
        write_ms: 90,
        busy_ms: 40,
        queue_ms: 160,
        flushes: 7,
    };
    stats(before);
    let mut devices = tree.devices();

    stats(Stat {
        reads: 110,
        read_sectors: 2200,
        read_ms: 75,
        writes: 51,
        write_sectors: 808,
        write_ms: 92,
        busy_ms: 44,
        queue_ms: 167,
        flushes: 8,
    });
    let first = devices.sample();
    // Also those that did nothing.
    assert_eq!(
        names(&first),
        ["nvme0n1", "nvme0n1p1", "nvme0n1p3", "dm-0", "dm-1", "dm-2"]
    );
    let root = find(&first, "dm-1");
    assert_eq!(
        *root,
        Device {
            name: "dm-1".to_owned(),
            number: Some((253, 1)),
            kind: DeviceKind::Mapper,
            label: Some("vg0-root".to_owned()),
            below: vec!["dm-0".to_owned()],
            work: DeviceWork {
                reads: 10,
                writes: 1,
                flushes: 1,
                read_bytes: 200 * 512,
                write_bytes: 8 * 512,
                read_ns: 5_000_000,
                write_ns: 2_000_000,
                busy_ns: 4_000_000,
                queue_ns: 7_000_000,
            },
        }
    );
    assert_eq!(find(&first, "nvme0n1p3").kind, DeviceKind::Partition);
    assert_eq!(find(&first, "nvme0n1p3").below, ["nvme0n1"]);
    assert_eq!(find(&first, "dm-2").work, DeviceWork::default());

    let stack = Stack::from_iter(&first);
    assert_eq!(stack.disks("dm-2"), ["nvme0n1"]);
    let bottom = stack.bottom(&first);
    assert_eq!(bottom.len(), 1);
    assert_eq!(bottom[0].work.bytes(), 208 * 512);

    assert_eq!(devices.sample(), []);
}

#[test]
fn a_server_with_md_and_lvm() {
    let tree = Tree::new();
    for disk in ["sda", "sdb"] {
        tree.disk(disk, 7_814_037_168);
        tree.partition(disk, &format!("{disk}1"), 1);
    }
    tree.disk("md127", 7_813_772_288);
    tree.write("sys/devices/x/md127/md/level", "raid1\n");
    tree.slave("md127", "sda1");
    tree.slave("md127", "sdb1");
    tree.partition("md127", "md127p1", 1);
    tree.disk("dm-0", 4_000_000);
    tree.write("sys/devices/x/dm-0/dm/name", "data-srv\n");
    tree.slave("dm-0", "md127p1");
    let all = [
        ("sda", (8, 0)),
        ("sda1", (8, 1)),
        ("sdb", (8, 16)),
        ("sdb1", (8, 17)),
        ("md127", (9, 127)),
        ("md127p1", (259, 0)),
        ("dm-0", (253, 0)),
    ];
    let stats = |stat| {
        let lines: Vec<_> = all
            .iter()
            .map(|(name, number)| (*name, *number, stat))
            .collect();
        tree.stats(&lines);
    };
    stats(Stat::read(1, 8));
    let mut devices = tree.devices();
    let first = devices.sample();
    assert_eq!(find(&first, "md127").kind, DeviceKind::Raid);
    assert_eq!(find(&first, "md127").below, ["sda1", "sdb1"]);
    assert_eq!(find(&first, "md127p1").below, ["md127"]);
    let stack = Stack::from_iter(&first);
    assert_eq!(stack.disks("dm-0"), ["sda", "sdb"]);

    stats(Stat::read(3, 24));
    let second = devices.sample();
    assert_eq!(second.len(), all.len());
    let sum: u64 = stack
        .bottom(&second)
        .iter()
        .map(|device| device.work.reads)
        .sum();
    assert_eq!(sum, 4);
}

#[test]
fn a_virtual_machine_host_with_zvols() {
    let tree = Tree::new();
    tree.disk("nvme0n1", 1_000_000);
    tree.disk("zd16", 67_108_864);
    tree.partition("zd16", "zd16p1", 1);
    tree.disk("zd32", 67_108_864);
    tree.link("dev/zvol/rpool/data/vm-100-disk-0", "../../../zd16");
    tree.link("dev/zvol/rpool/data/vm-100-disk-0-part1", "../../../zd16p1");
    tree.link("dev/zvol/rpool/loop", "..");
    tree.stats(&[
        ("nvme0n1", (259, 0), IDLE),
        ("zd16", (230, 16), IDLE),
        ("zd16p1", (230, 17), IDLE),
        ("zd32", (230, 32), IDLE),
    ]);
    let first = tree.devices().sample();
    let volume = find(&first, "zd16");
    assert_eq!(volume.kind, DeviceKind::Zvol);
    assert_eq!(volume.label.as_deref(), Some("rpool/data/vm-100-disk-0"));
    let partition = find(&first, "zd16p1");
    assert_eq!(partition.kind, DeviceKind::Partition);
    assert_eq!(partition.below, ["zd16"]);
    assert_eq!(find(&first, "zd32").label, None);
    let bottom = Stack::from_iter(&first);
    assert_eq!(bottom.bottom(&first), [find(&first, "nvme0n1")]);
}

#[test]
fn loops_get_and_lose_their_files() {
    let tree = Tree::new();
    tree.disk("loop0", 0);
    tree.disk("loop1", 4096);
    tree.write(
        "sys/devices/x/loop1/loop/backing_file",
        b"/var/lib/snapd/snaps/core\xFF 1.snap (deleted)\n",
    );
    tree.disk("ram0", 8192);
    tree.disk("zram0", 8192);
    let stats = |reads| {
        tree.stats(&[
            ("loop0", (7, 0), Stat::read(reads, reads)),
            ("loop1", (7, 1), Stat::default()),
            ("ram0", (1, 0), Stat::default()),
            ("zram0", (252, 0), Stat::default()),
        ]);
    };
    stats(0);
    let mut devices = tree.devices();
    let first = devices.sample();
    // loop0 never did anything and has no size.
    assert_eq!(names(&first), ["loop1", "ram0", "zram0"]);
    assert_eq!(first[0].kind, DeviceKind::Loop);
    assert_eq!(
        first[0].label.as_deref(),
        Some("/var/lib/snapd/snaps/core\u{FFFD} 1.snap (deleted)")
    );
    assert_eq!(first[0].below, Vec::<String>::new());
    assert_eq!(first[1].kind, DeviceKind::Memory);
    assert_eq!(first[2].kind, DeviceKind::Memory);

    tree.write("sys/devices/x/loop0/loop/backing_file", "/srv/disk.img\n");
    tree.write("sys/devices/x/loop0/size", "100\n");
    stats(2);
    let second = devices.sample();
    assert_eq!(names(&second), ["loop0"]);
    assert_eq!(second[0].label.as_deref(), Some("/srv/disk.img"));
    assert_eq!(second[0].work.reads, 2);
}

#[test]
fn paths_of_nvme_have_no_number_and_the_name_of_their_namespace() {
    let tree = Tree::new();
    tree.stats(&[
        ("nvme0c0n1", (0, 0), Stat::read(1, 8)),
        ("nvme0c1n1", (0, 0), Stat::read(1, 8)),
        ("nvme0n1", (259, 1), Stat::read(2, 16)),
        ("nvme10n1", (259, 9), Stat::read(2, 16)),
    ]);
    let first = tree.devices().sample();
    assert_eq!(first[0].number, None);
    assert_eq!(first[0].label.as_deref(), Some("nvme0n1"));
    assert_eq!(find(&first, "nvme0n1").below, ["nvme0c0n1", "nvme0c1n1"]);
    assert_eq!(find(&first, "nvme10n1").below, Vec::<String>::new());
    let stack = Stack::from_iter(&first);
    let bottom = stack.bottom(&first);
    let bottom: Vec<_> = bottom.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(bottom, ["nvme0c0n1", "nvme0c1n1", "nvme10n1"]);
}

#[test]
fn names_with_a_slash() {
    let tree = Tree::new();
    tree.disk("cciss!c0d0", 100);
    tree.partition("cciss!c0d0", "cciss!c0d0p1", 1);
    tree.stats(&[
        ("cciss/c0d0", (104, 0), IDLE),
        ("cciss/c0d0p1", (104, 1), IDLE),
    ]);
    let first = tree.devices().sample();
    assert_eq!(find(&first, "cciss/c0d0p1").below, ["cciss/c0d0"]);
}

#[test]
fn a_disk_that_lies_on_others() {
    let tree = Tree::new();
    for name in ["sda", "sdb", "bcache0"] {
        tree.disk(name, 100);
    }
    tree.slave("bcache0", "sda");
    tree.slave("bcache0", "sdb");
    tree.stats(&[
        ("sda", (8, 0), IDLE),
        ("sdb", (8, 16), IDLE),
        ("bcache0", (252, 0), IDLE),
    ]);
    let first = tree.devices().sample();
    let stack = Stack::from_iter(&first);
    assert_eq!(stack.disks("bcache0"), ["sda", "sdb"]);
    assert!(!stack.is_bottom("bcache0"));
}

#[test]
fn this_machine() {
    let mut devices = Devices::new("/proc", "/sys", "/dev");
    let first = devices.sample();
    devices.sample();
    let stack = Stack::from_iter(&first);
    for device in stack.bottom(&first) {
        assert_eq!(stack.disks(&device.name), [device.name.as_str()]);
    }
}
