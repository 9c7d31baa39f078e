//! Systems under load, and without the files.

use super::{super::fixture::Tree, *};

const SECOND: Duration = Duration::from_secs(1);

fn pressure(some: u64, full: u64) -> String {
    format!(
        "some avg10=0.05 avg60=0.08 avg300=0.31 total={some}\n\
         full avg10=0.00 avg60=0.02 avg300=0.23 total={full}\n"
    )
}

#[test]
fn shares_and_sums() {
    let tree = Tree::new();
    tree.write("proc/pressure/io", pressure(263_000_000, 141_000_000));
    tree.write("proc/pressure/memory", pressure(1000, 500));
    tree.write(
        "proc/stat",
        "cpu  300 0 100 900 60 0 0 0 0 0\n\
         cpu0 100 0 50 400 20 0 0 0 0 0\n\
         cpu2 100 0 50 400 20 0 0 0 0 0\n\
         cpu10 100 0 0 100 20 0 0 0 0 0\n\
         intr 12 0\nctxt 5\n",
    );
    tree.write(
        "proc/vmstat",
        "nr_free_pages 1\npswpin 100\npswpout 200\npswpin_x 9\n",
    );
    tree.write(
        "proc/meminfo",
        "MemTotal:       8000000 kB\nDirty:              1024 kB\nWriteback:             8 kB\n\
         WritebackTmp:          7 kB\n",
    );
    let mut state = State::new(tree.proc());

    tree.write("proc/pressure/io", pressure(263_500_000, 141_250_000));
    tree.write("proc/pressure/memory", pressure(2_001_000, 500));
    // cpu0 waited for half of 100 ticks; the waiting of cpu2 went back; cpu11 has just come;
    // cpu10 has gone.
    tree.write(
        "proc/stat",
        "cpu0 110 5 55 425 70 0 0 5 3 2\n\
         cpu2 150 0 50 400 19 0 0 0 0 0\n\
         cpu11 150 0 50 400 19 0 0 0 0 0\n",
    );
    tree.write("proc/vmstat", "pswpin 101\npswpout 200\n");
    let system = state.sample(SECOND);
    assert_eq!(system.io_some, Some(0.5));
    assert_eq!(system.io_full, Some(0.25));
    assert_eq!(system.memory_some, Some(1.0));
    assert_eq!(system.iowait, [0.5, 0.0]);
    assert_eq!(system.swap_in_bytes, Some(page_bytes().into()));
    assert_eq!(system.swap_out_bytes, Some(0));
    assert_eq!(system.dirty_bytes, Some(1024 * 1024));
    assert_eq!(system.writeback_bytes, Some(8 * 1024));

    // Nothing more since then, and no time.
    let system = state.sample(Duration::ZERO);
    assert_eq!(system.io_some, None);
    assert_eq!(system.iowait, [0.0, 0.0, 0.0]);
}

#[test]
fn what_is_not_told_is_not_there() {
    let tree = Tree::new();
    let mut state = State::new(tree.proc());
    assert_eq!(state.sample(SECOND), System::default());
    // It begins to be told: there is nothing to compare with.
    tree.write("proc/pressure/io", pressure(5, 5));
    tree.write("proc/vmstat", "pswpin 101\npswpout 200\n");
    assert_eq!(state.sample(SECOND), System::default());
    assert_eq!(state.sample(SECOND).io_some, Some(0.0));
}

#[test]
fn lines_that_make_no_sense() {
    let tree = Tree::new();
    let max = u64::MAX;
    for text in [
        String::new(),
        "some\nfull\n".to_owned(),
        "some total=\nfull total=-1\n".to_owned(),
        "cpu\ncpu0\ncpu1 x\ncpu2 1 2\ncpuidle 1 2 3 4 5 6\n\0\u{FFFD}\n".to_owned(),
        "pswpin\npswpout -1\nDirty:\nWriteback: x kB\n".to_owned(),
        format!("cpu0 {max} {max} {max} {max} {max} {max}\nDirty: {max} kB\npswpin {max}\n"),
        "cpu0 0 0 0 0 0 0\npswpin 0\n".to_owned(),
    ] {
        for file in [
            "pressure/io",
            "pressure/memory",
            "stat",
            "vmstat",
            "meminfo",
        ] {
            tree.write(&format!("proc/{file}"), &text);
        }
        let mut state = State::new(tree.proc());
        let system = state.sample(SECOND);
        assert_eq!(system.io_some, None, "{text}");
        tree.write("proc/stat", "cpu0 0 0 0 0 0 0\n");
        tree.write("proc/vmstat", "pswpin 0\n");
        state.sample(SECOND);
        for file in ["stat", "vmstat"] {
            tree.write(&format!("proc/{file}"), &text);
        }
        let system = state.sample(SECOND);
        assert!(
            system
                .iowait
                .iter()
                .all(|share| (0.0..=1.0).contains(share)),
            "{text}"
        );
    }
}

#[test]
fn this_machine() {
    let mut state = State::new("/proc");
    let system = state.sample(SECOND);
    assert!(!system.iowait.is_empty());
    assert!(system.dirty_bytes.is_some());
}
