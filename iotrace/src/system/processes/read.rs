//! Reading and understanding the files below `/proc/PID`. Not by the library that other parts use:
//! a name in a strange encoding is an error to it, and there may be thousands of processes to look
//! at in each interval.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::ffi::OsStringExt as _,
};

use bytes::Bytes;

use crate::event::Usage;

/// Most bytes of a file that are looked at. Command lines of virtual machines are long; the kernel
/// gives out each of the other files at once when there is room (fs/seq_file.c, `single_open`).
const MOST: usize = 32 * 1024;

/// Reads files of processes, all into the same memory.
#[derive(Debug)]
pub struct Reader {
    /// Where processes are; behind it the name of the file that was read last.
    path: String,
    /// Length of that directory's name.
    root: usize,
    buffer: Vec<u8>,
}

impl Reader {
    /// Of processes below `proc`, normally `/proc`.
    pub fn new(proc: &str) -> Self {
        Self {
            path: proc.to_owned(),
            root: proc.len(),
            buffer: vec![0; MOST],
        }
    }

    /// Numbers of all processes that are there.
    pub fn pids(&mut self) -> io::Result<Vec<u32>> {
        self.path.truncate(self.root);
        let mut pids = Vec::new();
        self.ids(&mut pids)?;
        Ok(pids)
    }

    /// Numbers of all threads of a process, into `tids`.
    pub fn tids(&mut self, pid: u32, tids: &mut Vec<u32>) -> io::Result<()> {
        self.go_to(pid, "task");
        self.ids(tids)
    }

    fn ids(&self, ids: &mut Vec<u32>) -> io::Result<()> {
        ids.clear();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            ids.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        Ok(())
    }

    /// What stands in a file of a process.
    pub fn process(&mut self, pid: u32, file: &str) -> io::Result<&[u8]> {
        self.go_to(pid, file);
        self.read()
    }

    /// What stands in a file of a thread.
    pub fn thread(&mut self, pid: u32, tid: u32, file: &str) -> io::Result<&[u8]> {
        self.path.truncate(self.root);
        // Writing to a string does not fail.
        let _ = write!(self.path, "/{pid}/task/{tid}/{file}");
        self.read()
    }

    /// The program that a process runs.
    pub fn exe(&mut self, pid: u32) -> io::Result<Bytes> {
        self.go_to(pid, "exe");
        fs::read_link(&self.path).map(|exe| Bytes::from(exe.into_os_string().into_vec()))
    }

    fn go_to(&mut self, pid: u32, file: &str) {
        self.path.truncate(self.root);
        let _ = write!(self.path, "/{pid}/{file}");
    }

    fn read(&mut self) -> io::Result<&[u8]> {
        let mut file = File::open(&self.path)?;
        loop {
            match file.read(&mut self.buffer) {
                Ok(length) => return Ok(&self.buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// `/proc/PID/io`; `None` when it is not that.
pub fn usage(text: &[u8]) -> Option<Usage> {
    let mut usage = Usage::default();
    let mut known = 0;
    for line in std::str::from_utf8(text).ok()?.lines() {
        let (name, value) = line.split_once(':')?;
        let field = match name {
            "rchar" => &mut usage.read_call_bytes,
            "wchar" => &mut usage.write_call_bytes,
            "syscr" => &mut usage.read_syscalls,
            "syscw" => &mut usage.write_syscalls,
            "read_bytes" => &mut usage.disk_read_bytes,
            "write_bytes" => &mut usage.disk_write_bytes,
            "cancelled_write_bytes" => &mut usage.cancelled_write_bytes,
            _ => continue,
        };
        *field = value.trim().parse().ok()?;
        known += 1;
    }
    (known == 7).then_some(usage)
}

/// What is of interest of `/proc/PID/stat` (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Name.
    pub comm: Bytes,
    /// `R`, `S`, `D` and others (proc(5)).
    pub state: u8,
    /// Parent.
    pub ppid: u32,
    /// `PF_KTHREAD` (include/linux/sched.h).
    pub kernel: bool,
    /// Threads.
    pub threads: u32,
    /// When it began, ticks since the machine did.
    pub start_ticks: u64,
    /// Time that this thread waited for block I/O, ticks.
    pub wait_ticks: u64,
}

impl Stat {
    /// Understands it; `None` when it is not that.
    pub fn parse(text: &[u8]) -> Option<Self> {
        const PF_KTHREAD: u64 = 0x0020_0000;
        // The name may have anything in it, parentheses too.
        let open = text.iter().position(|byte| *byte == b'(')?;
        let close = text.iter().rposition(|byte| *byte == b')')?;
        let comm = Bytes::copy_from_slice(text.get(open + 1..close)?);
        let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
        let (mut ppid, mut state) = (None, 0);
        let (mut flags, mut threads, mut start_ticks, mut wait_ticks) = (0, 0, None, 0);
        // The first field after the name is the third.
        for (number, field) in (3..).zip(rest.split_ascii_whitespace()) {
            match number {
                3 => state = field.bytes().next()?,
                4 => ppid = field.parse().ok(),
                9 => flags = field.parse::<u64>().ok()?,
                20 => threads = field.parse().ok()?,
                22 => start_ticks = field.parse().ok(),
                42 => wait_ticks = field.parse().ok()?,
                _ => {}
            }
        }
        Some(Self {
            comm,
            state,
            ppid: ppid?,
            kernel: flags & PF_KTHREAD != 0,
            threads,
            start_ticks: start_ticks?,
            wait_ticks,
        })
    }
}

/// `/proc/PID/cmdline` as people write it: arguments with spaces between them. A process that gave
/// itself a title has that, with padding behind it.
pub fn command(text: &[u8]) -> Option<Bytes> {
    let end = text.iter().rposition(|byte| *byte != 0)? + 1;
    let line: Vec<u8> = text[..end]
        .iter()
        .map(|byte| if *byte == 0 { b' ' } else { *byte })
        .collect();
    let line = line.trim_ascii();
    (!line.is_empty()).then(|| Bytes::copy_from_slice(line))
}

/// Real user id in `/proc/PID/status`.
pub fn uid(text: &[u8]) -> Option<u32> {
    let lines = text.split(|byte| *byte == b'\n');
    let mut found = lines.filter_map(|line| line.strip_prefix(b"Uid:"));
    let ids = std::str::from_utf8(found.next()?).ok()?;
    ids.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_anything_in_it() {
        let rest = " S 1 2 3 0 -1 2097216 5 6 7 8 9 10 11 12 20 0 4 0 777 0 0 0 0 0 0 0 0 0 0 0 0 \
                    0 0 0 17 3 0 0 55 0 0";
        let mut text = b"12 (a) b (\xff) S 9".to_vec();
        text.push(b')');
        text.extend_from_slice(rest.as_bytes());
        let stat = Stat::parse(&text).expect("a stat");
        assert_eq!(&stat.comm[..], b"a) b (\xff) S 9");
        assert_eq!((stat.state, stat.ppid, stat.threads), (b'S', 1, 4));
        assert_eq!((stat.start_ticks, stat.wait_ticks), (777, 55));
        assert!(stat.kernel);
        for end in 0..text.len() {
            // Nothing but no panic.
            let _ = Stat::parse(&text[..end]);
        }
    }

    #[test]
    fn the_accounts_are_all_there_or_none() {
        let text = b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n\
                     cancelled_write_bytes: 7\n";
        let all = usage(text).expect("accounts");
        assert_eq!((all.read_call_bytes, all.cancelled_write_bytes), (1, 7));
        assert_eq!((all.disk_read_bytes, all.write_syscalls), (5, 4));
        assert_eq!(usage(b"rchar: 1\n"), None);
        assert_eq!(usage(b""), None);
    }

    #[test]
    fn a_command_line_is_what_people_write() {
        let line = |text: &'static [u8]| command(text).map(|line| line.to_vec());
        assert_eq!(line(b"cat\0/a b\0"), Some(b"cat /a b".to_vec()));
        assert_eq!(line(b"task UPID:x\0\0\0\0"), Some(b"task UPID:x".to_vec()));
        assert_eq!(
            line(b"postgres: writer   \0"),
            Some(b"postgres: writer".to_vec())
        );
        assert_eq!(line(b"\0\0"), None);
        assert_eq!(line(b""), None);
        assert_eq!(uid(b"Name:\tx\nUid:\t1000\t0\t0\t0\n"), Some(1000));
        assert_eq!(uid(b"Name:\tx\n"), None);
    }
}
