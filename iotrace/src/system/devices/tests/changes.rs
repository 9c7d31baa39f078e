//! Devices that come and go, counters that go back, lines that are none.

use super::*;

#[test]
fn devices_come_go_and_come_again() {
    let tree = Tree::new();
    tree.disk("sda", 100);
    tree.disk("sdb", 100);
    let sda = ("sda", (8, 0), Stat::read(10, 80));
    tree.stats(&[sda, ("sdb", (8, 16), Stat::read(50, 400))]);
    let mut devices = tree.devices();
    devices.sample();

    // It comes: all that it did is new. It need not have done anything to be told of.
    tree.disk("sdc", 100);
    tree.disk("sdd", 100);
    let sdb = ("sdb", (8, 16), Stat::read(51, 408));
    tree.stats(&[
        sda,
        sdb,
        ("sdc", (8, 32), Stat::read(5, 40)),
        ("sdd", (8, 48), Stat::default()),
    ]);
    let sample = devices.sample();
    assert_eq!(names(&sample), ["sdb", "sdc", "sdd"]);
    assert_eq!(find(&sample, "sdb").work.reads, 1);
    assert_eq!(find(&sample, "sdc").work.reads, 5);
    assert!(!find(&sample, "sdd").work.is_any());

    // Its line is missing once, while it is there.
    tree.stats(&[sda]);
    assert_eq!(devices.sample(), []);
    tree.stats(&[sda, ("sdb", (8, 16), Stat::read(53, 424))]);
    let sample = devices.sample();
    assert_eq!(find(&sample, "sdb").work.reads, 2);

    // It goes, and another one has its name, which did more by now.
    tree.remove("sys/class/block/sdb");
    tree.stats(&[sda]);
    assert_eq!(devices.sample(), []);
    tree.stats(&[sda, ("sdb", (8, 16), Stat::read(1000, 8000))]);
    assert_eq!(find(&devices.sample(), "sdb").work.reads, 1000);

    // The same between two looks: by its counters, and by its number.
    tree.stats(&[sda, ("sdb", (8, 16), Stat::read(7, 9000))]);
    let work = find(&devices.sample(), "sdb").work;
    assert_eq!((work.reads, work.read_bytes), (7, 9000 * 512));
    tree.stats(&[sda, ("sdb", (8, 64), Stat::read(8, 9008))]);
    let work = find(&devices.sample(), "sdb").work;
    assert_eq!((work.reads, work.read_bytes), (8, 9008 * 512));
}

#[test]
fn times_start_again_after_32_bits() {
    let tree = Tree::new();
    let top = u64::from(u32::MAX);
    let stats = |reads, read_ms, busy_ms, queue_ms| {
        let stat = Stat {
            read_ms,
            busy_ms,
            queue_ms,
            ..Stat::read(reads, 0)
        };
        tree.stats(&[("sda", (8, 0), stat)]);
    };
    stats(5, top - 9, 1000, top + 5);
    let mut devices = tree.devices();
    // One that went back a little, as sums over CPUs may, and one that has more bits.
    stats(6, 20, 999, top + 7);
    let work = devices.sample()[0].work;
    assert_eq!(work.reads, 1);
    assert_eq!(work.read_ns, 30_000_000);
    assert_eq!(work.busy_ns, 0);
    assert_eq!(work.queue_ns, 2_000_000);
}

#[test]
fn lines_that_make_no_sense_are_passed_over() {
    let tree = Tree::new();
    let huge = u64::MAX;
    tree.write(
        "proc/diskstats",
        format!(
            "\n\0\u{FFFD}\n8 0\n8 0 sda\n8 0 sda x 0 0 0 0 0 0 0 0 0 0\n\
             -8 0 sdb 1 0 8 0 0 0 0 0 0 0 0\n\
             8 0 ../../sdc {huge} 0 {huge} {huge} 1 0 1 {huge} 0 {huge} {huge}\n\
             8 32 sdd 1 0 8 0 0 0 0 0 0 0 0\n\
             8 32 sdd 2 0 8 0 0 0 0 0 0 0 0\n\
             99999999999 0 sde 1 0 8 0 0 0 0 0 0 0 0\n"
        ),
    );
    let mut devices = tree.devices();
    let first = devices.sample();
    assert_eq!(names(&first), ["../../sdc", "sdd"]);
    // A device that came with such counters.
    tree.write(
        "proc/diskstats",
        format!("8 0 sdx {huge} 0 {huge} {huge} 1 0 1 {huge} 0 {huge} {huge}\n"),
    );
    let work = find(&devices.sample(), "sdx").work;
    assert_eq!(
        (work.reads, work.read_bytes, work.read_ns),
        (huge, huge, huge)
    );
}

#[test]
fn nothing_counts_until_a_look_succeeds() {
    let tree = Tree::new();
    let mut devices = tree.devices();
    assert_eq!(devices.sample(), []);
    tree.stats(&[("sda", (8, 0), Stat::read(10, 80))]);
    let sample = devices.sample();
    assert_eq!(names(&sample), ["sda"]);
    assert!(!sample[0].work.is_any());
    tree.remove("proc/diskstats");
    assert_eq!(devices.sample(), []);
    tree.stats(&[("sda", (8, 0), Stat::read(11, 88))]);
    assert_eq!(devices.sample()[0].work.reads, 1);
}
