//! Pools, as three generations of OpenZFS tell of them.

use super::{super::pools::Pools, *};

fn io(nread: u64, nwritten: u64, reads: u64, writes: u64, rtime: u64) -> String {
    format!(
        "25 3 0x00 1 80 21130673591 18749909907907817\n\
         nread    nwritten reads    writes   wtime    wlentime wupdate  rtime    rlentime rupdate  \
         wcnt     rcnt    \n\
         {nread} {nwritten} {reads} {writes} 193312306 40 18749777788906500 {rtime} \
         100 18749778029955847 0        0       \n"
    )
}

fn objset(name: &str, reads: u64, nread: u64, writes: u64, nwritten: u64) -> String {
    format!(
        "34 1 0x01 7 2160 5214787391 74985931356512\n\
         name                            type data\n\
         dataset_name                    7    {name}\n\
         writes                          4    {writes}\n\
         nwritten                        4    {nwritten}\n\
         reads                           4    {reads}\n\
         nread                           4    {nread}\n\
         nunlinks                        4    14148\n\
         nunlinked                       4    14147\n"
    )
}

#[test]
fn until_2_0_by_its_disks() {
    let tree = Tree::new();
    tree.write("proc/spl/kstat/zfs/arcstats", "9 1 0x01 1 1 1 1\n");
    let near = u64::from(u32::MAX);
    let path = "proc/spl/kstat/zfs/rpool/io";
    tree.write(
        path,
        io(
            38_244_616_748_032,
            9_368_704_463_360,
            near,
            100,
            366_823_432_061_758,
        ),
    );
    // Not added to it.
    tree.write(
        "proc/spl/kstat/zfs/rpool/objset-0x36",
        objset("rpool", 1, 1, 1, 1),
    );
    let mut pools = Pools::new(&tree.proc());
    // The number of reads has 32 bits; the bytes have not.
    tree.write(
        path,
        io(
            38_244_616_752_128,
            9_368_704_463_872,
            2,
            101,
            366_823_432_061_858,
        ),
    );
    assert_eq!(
        pools.sample(),
        [Device {
            name: "rpool".to_owned(),
            number: None,
            kind: DeviceKind::Pool,
            label: None,
            below: Vec::new(),
            work: DeviceWork {
                reads: 3,
                writes: 1,
                read_bytes: 4096,
                write_bytes: 512,
                busy_ns: 100,
                ..DeviceWork::default()
            },
        }]
    );
    assert_eq!(pools.sample(), []);
}

#[test]
fn since_2_1_by_its_datasets() {
    let tree = Tree::new();
    let dir = "proc/spl/kstat/zfs/tank";
    tree.write(&format!("{dir}/state"), "ONLINE\n");
    tree.write(
        &format!("{dir}/iostats"),
        "15 1 0x01 18 4896 1 2\nname type data\ntrim_extents_written 4 100\n",
    );
    tree.write(
        &format!("{dir}/objset-0x36"),
        objset("tank/a name", 10, 1000, 20, 2000),
    );
    tree.write(
        &format!("{dir}/objset-0x1f"),
        objset("tank/vm-100-disk-0", 7, 700, 0, 0),
    );
    let mut devices = tree.devices();
    assert_eq!(names(&devices.sample()), ["tank"]);

    // One dataset ends, another begins.
    tree.remove(&format!("{dir}/objset-0x36"));
    tree.write(
        &format!("{dir}/objset-0x1f"),
        objset("tank/vm-100-disk-0", 8, 801, 0, 0),
    );
    tree.write(
        &format!("{dir}/objset-0x40"),
        objset("tank/new", 0, 0, 3, 30),
    );
    let sample = devices.sample();
    assert_eq!(
        sample[0].work,
        DeviceWork {
            reads: 1,
            read_bytes: 101,
            writes: 3,
            write_bytes: 30,
            ..DeviceWork::default()
        }
    );

    // Exported, and imported again.
    tree.remove(dir);
    assert_eq!(devices.sample(), []);
    tree.write(&format!("{dir}/objset-0x36"), objset("tank", 1, 100, 0, 0));
    assert_eq!(devices.sample()[0].work.read_bytes, 100);
}

#[test]
fn since_2_3_by_what_the_cache_lacks() {
    let tree = Tree::new();
    let iostats = |arc: u64, direct: u64| {
        tree.write(
            "proc/spl/kstat/zfs/tank/iostats",
            format!(
                "15 1 0x01 26 5176 227423 2127661979232\n\
                 name                            type data\n\
                 trim_extents_written            4    9\n\
                 arc_read_count                  4    {arc}\n\
                 arc_read_bytes                  4    {arc}000\n\
                 arc_write_count                 4    0\n\
                 arc_write_bytes                 4    0\n\
                 direct_read_count               4    {direct}\n\
                 direct_read_bytes               4    {direct}000\n\
                 direct_write_count              4    0\n\
                 direct_write_bytes              4    0\n"
            ),
        );
    };
    iostats(1, 1);
    tree.write(
        "proc/spl/kstat/zfs/tank/objset-0x36",
        objset("tank", 1, 1, 1, 1),
    );
    let mut pools = Pools::new(&tree.proc());
    iostats(3, 2);
    tree.write(
        "proc/spl/kstat/zfs/tank/objset-0x36",
        objset("tank", 9000, 9000, 9000, 9000),
    );
    let work = pools.sample()[0].work;
    assert_eq!((work.reads, work.read_bytes), (3, 3000));
    assert_eq!((work.writes, work.write_bytes), (0, 0));
}

#[test]
fn what_makes_no_sense_is_no_pool() {
    let tree = Tree::new();
    for (pool, text) in [
        ("a", ""),
        ("b", "nread\n"),
        ("c", "nread nwritten reads writes\n1 2 3\n"),
        (
            "d",
            "nread nwritten reads writes rtime wlentime rlentime\n1 2 3 x 5 6 7\n",
        ),
        ("e", "\0\u{FFFD}\n\n"),
    ] {
        tree.write(&format!("proc/spl/kstat/zfs/{pool}/io"), text);
        tree.write(&format!("proc/spl/kstat/zfs/{pool}/objset-0x1"), text);
    }
    assert_eq!(Pools::new(&tree.proc()).sample(), []);
}
