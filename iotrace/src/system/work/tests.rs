//! Arrays, file systems and locks at work.

use std::{fs, os::unix::fs::MetadataExt as _};

use nix::sys::stat::{major, minor};

use super::{super::fixture::Tree, *};

fn works_of(tree: &Tree, lock_files: &[PathBuf]) -> Vec<Work> {
    works(&tree.proc(), &tree.sys(), lock_files)
}

#[test]
fn arrays_of_md() {
    let tree = Tree::new();
    tree.disk("sda", 100);
    for (name, action, completed) in [
        ("md0", "idle", "none"),
        ("md1", "check", "1953525168 / 7814037168"),
        ("md2", "resync", "delayed"),
        ("md3", "recover", "none"),
        ("md4", "frozen", "none"),
        ("md5", "reshape", "500 / 400"),
        ("md6", "repair", "x / 0"),
        ("md7", "resync", "0 / 0"),
    ] {
        tree.disk(name, 100);
        tree.write(
            &format!("sys/devices/x/{name}/md/sync_action"),
            format!("{action}\n"),
        );
        tree.write(
            &format!("sys/devices/x/{name}/md/sync_completed"),
            format!("{completed}\n"),
        );
    }
    // An array without redundancy has no such files.
    tree.disk("md8", 100);
    tree.write("sys/devices/x/md8/md/level", "raid0\n");
    let works = works_of(&tree, &[]);
    let told: Vec<_> = works
        .iter()
        .map(|work| (work.name.as_str(), work.state.as_str(), work.done))
        .collect();
    assert_eq!(
        told,
        [
            ("md1", "check", Some(1_953_525_168.0 / 7_814_037_168.0)),
            ("md2", "delayed", None),
            ("md3", "recover", None),
            ("md5", "reshape", Some(1.0)),
            ("md6", "repair", None),
            ("md7", "resync", None),
        ]
    );
    assert!(works.iter().all(|work| work.kind == WorkKind::Md));
}

#[test]
fn operations_of_btrfs() {
    let tree = Tree::new();
    tree.write("sys/fs/btrfs/features/raid56", "0\n");
    tree.write("sys/fs/btrfs/0ffd/exclusive_operation", "none\n");
    tree.write("sys/fs/btrfs/1ffd/exclusive_operation", "balance\n");
    tree.write("sys/fs/btrfs/2ffd/exclusive_operation", "device replace\n");
    let works = works_of(&tree, &[]);
    assert_eq!(works.len(), 2);
    assert_eq!(
        works[0],
        Work {
            kind: WorkKind::Btrfs,
            name: "1ffd".to_owned(),
            state: "balance".to_owned(),
            done: None,
            pid: None,
        }
    );
    assert_eq!(works[1].state, "device replace");
}

/// `MAJOR:MINOR:INODE` of a file, as in `/proc/locks`.
fn place(file: &Path) -> String {
    let stat = fs::metadata(file).expect("a file");
    let (major, minor) = (major(stat.dev()), minor(stat.dev()));
    format!("{major:02x}:{minor:02x}:{}", stat.ino())
}

#[test]
fn locks_that_are_held() {
    let tree = Tree::new();
    let files = [
        "held",
        "open",
        "waited",
        "leased",
        "merely there",
        "missing",
    ];
    let files = files.map(|name| tree.root().join("run").join(name));
    for name in ["held", "open", "waited", "leased", "merely there"] {
        tree.write(&format!("run/{name}"), "");
    }
    let [held, open, waited, leased] = [0, 1, 2, 3].map(|n| place(&files[n]));
    tree.write(
        "proc/locks",
        format!(
            "1: POSIX  ADVISORY  WRITE -1 {held} 0 EOF\n\
             1: FLOCK  ADVISORY  WRITE 7724 {held} 0 EOF\n\
             1: -> FLOCK  ADVISORY  WRITE 99 {held} 0 EOF\n\
             2: OFDLCK ADVISORY  READ -1 {open} 0 EOF\n\
             3: -> POSIX  ADVISORY  WRITE 12 {waited} 0 EOF\n\
             4: LEASE  ACTIVE    READ 13 {leased} 0 EOF\n\
             5: POSIX  ADVISORY  WRITE 14 00:00:1 0 EOF\n\
             6: POSIX  ADVISORY  WRITE 15 <none>:0 0 EOF\n\
             7:\n\0\u{FFFD}\n8: FLOCK\n9: FLOCK ADVISORY WRITE x y z\n"
        ),
    );
    let works = works_of(&tree, &files);
    let told: Vec<_> = works
        .iter()
        .map(|work| (work.name.clone(), work.pid))
        .collect();
    let name = |n: usize| files[n].to_string_lossy().into_owned();
    assert_eq!(told, [(name(0), Some(7724)), (name(1), None)]);
    assert_eq!(works[0].kind, WorkKind::Lock);
    assert_eq!(works[0].state, "held");
}

#[test]
fn a_lock_in_a_subvolume_of_btrfs() {
    let tree = Tree::new();
    tree.write("a b/lock", "");
    let root = fs::canonicalize(tree.root()).expect("the directory");
    let file = root.join("a b/lock");
    let ino = fs::metadata(&file).expect("the file").ino();
    // The lock has the number of the superblock, which only the table of mounts tells.
    tree.write(
        "proc/locks",
        format!("1: FLOCK  ADVISORY  WRITE 5 00:ffe:{ino} 0 EOF\n"),
    );
    let files = [file];
    assert_eq!(works_of(&tree, &files), []);
    let root = root.to_str().expect("UTF-8");
    tree.write(
        "proc/self/mountinfo",
        format!(
            "garbage\n1 0 0:7 / / rw - ext4 /dev/sda rw\n\
             2 1 0:4094 /@ {root}/a\\040b rw - btrfs /dev/sdb rw\n\
             3 1 0:8 / {root}/a rw - tmpfs tmpfs rw\n\
             4 1 0:9 / {root}/a\\0 rw - tmpfs tmpfs rw\n"
        ),
    );
    assert_eq!(works_of(&tree, &files)[0].pid, Some(5));
}

#[test]
fn this_machine() {
    use std::fs::File;

    let tree = Tree::new();
    tree.write("lock", "");
    tree.write("other", "");
    let files = ["lock", "other"].map(|name| tree.root().join(name));
    let file = File::open(&files[0]).expect("the file");
    let _lock = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock)
        .map_err(|(_, error)| error)
        .expect("nobody else locks it");
    let works = works(Path::new("/proc"), Path::new("/sys"), &files);
    let locks: Vec<_> = works
        .iter()
        .filter(|work| work.kind == WorkKind::Lock)
        .collect();
    // Where the directory for temporary files is on an overlay, the kernel may tell another inode.
    assert!(locks.len() <= 1);
    if let [lock] = locks[..] {
        assert_eq!(lock.pid, Some(std::process::id()));
    }
}
