//! Names of threads and files, made to break terminals, tables and NDJSON.

use iotrace::{
    event::{FileId, FilePath, FileType, Io, Open, Opened, Thread, Time},
    output::{sanitize, told},
};
use proptest::{collection::vec, prelude::*};

use super::check;

/// What names are made of when they are made to do harm.
const PIECES: [&[u8]; 24] = [
    b"\x1b[2J",
    b"\x1b]0;x\x07",
    b"\n",
    b"\r",
    b"\t",
    b"\x7f",
    b"\0",
    b"\xff",
    b"\xe2\x80",
    b"\xc2\x9b31m",
    b"\xed\xa0\x80",
    b" ",
    b"\\",
    b"\"",
    b"/",
    b" (deleted)",
    "\u{202e}".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{a0}".as_bytes(),
    "\u{3000}".as_bytes(),
    "\u{2800}".as_bytes(),
    "\u{3164}".as_bytes(),
    "\u{e0041}".as_bytes(),
    "日本é\u{301}".as_bytes(),
];

/// Any bytes, more often than by chance such as do harm.
pub fn hostile(pieces: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::sample::select(&PIECES[..]).prop_map(<[u8]>::to_vec),
        1 => any::<char>().prop_map(|character| character.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..6),
        1 => "[a-z0-9 ]{1,6}".prop_map(String::into_bytes),
    ];
    vec(piece, 0..pieces).prop_map(|pieces| pieces.concat())
}

pub fn path() -> impl Strategy<Value = Option<FilePath>> {
    let path =
        (hostile(8), any::<(bool, bool, bool)>()).prop_map(|(bytes, (deleted, cut, claimed))| {
            FilePath {
                bytes: bytes.into(),
                deleted,
                cut,
                claimed,
            }
        });
    proptest::option::weighted(0.9, path)
}

fn file() -> impl Strategy<Value = FileId> {
    any::<(u32, u32, u64, u32)>().prop_map(|(major, minor, ino, generation)| FileId {
        major,
        minor,
        ino,
        generation,
    })
}

fn transfers() -> impl Strategy<Value = Vec<Io>> {
    let transfer = (
        hostile(4),
        file(),
        path(),
        any::<[u64; 4]>(),
        any::<(u32, u32)>(),
    );
    let transfer = transfer.prop_map(|(comm, file, path, counts, (pid, tid))| {
        let mut io = check::transfer(&comm, file, path);
        (io.thread.pid, io.thread.tid) = (pid, tid);
        let [reads, writes, read_bytes, write_bytes] = counts;
        io.counts = iotrace::event::Counts {
            reads,
            writes,
            read_bytes,
            write_bytes,
            ..io.counts
        };
        io
    });
    vec(transfer, 1..8)
}

fn opens() -> impl Strategy<Value = Vec<Open>> {
    let result = prop_oneof![
        any::<i32>().prop_map(|number| Opened::Failed {
            errno: number.saturating_abs()
        }),
        (
            any::<Option<u32>>(),
            proptest::option::of(file()),
            any::<Option<bool>>()
        )
            .prop_map(|(fd, file, created)| Opened::Ok {
                fd,
                file: file.map(|file| (file, FileType::Other)),
                created,
            }),
    ];
    let open = (
        hostile(4),
        path(),
        result,
        any::<[u64; 3]>(),
        any::<[u32; 4]>(),
    );
    let open = open.prop_map(|(comm, path, result, longs, words)| {
        let [time, flags, cgroup] = longs;
        let [pid, tid, uid, mode] = words;
        Open {
            time: Time(time),
            thread: Thread {
                pid,
                tid,
                uid,
                comm: check::cut(&comm),
            },
            flags,
            mode,
            result,
            path,
            door: iotrace::event::Door::Exec,
            cgroup,
            mount_ns: Some(mode),
            cancelled_bytes: Some(time),
        }
    });
    vec(open, 0..8)
}

/// Undoes the escapes; then no two names can look the same.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let code = |hex: &str| u32::from_str_radix(hex, 16).expect("hex");
        let taken = match escape.as_bytes()[0] {
            b'\\' => {
                bytes.push(b'\\');
                1
            }
            b'x' => {
                bytes.push(code(&escape[1..3]) as u8);
                3
            }
            b'u' => {
                let end = escape.find('}').expect("an end");
                let character = char::from_u32(code(&escape[2..end])).expect("a character");
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                end + 1
            }
            other => panic!("unknown escape {other:?} in {text:?}"),
        };
        rest = &escape[taken..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

proptest! {
    #[test]
    fn text_is_harmless_and_every_name_looks_different(bytes in hostile(12)) {
        let text = sanitize::text(&bytes);
        check::assert_harmless(text.as_bytes());
        prop_assert_eq!(unescape(&text), bytes.clone());
        let name = sanitize::name(&bytes);
        check::assert_harmless(name.as_bytes());
        prop_assert_eq!(name.trim_matches(' '), &name);
        prop_assert_eq!(unescape(&name), bytes);
    }

    #[test]
    fn every_path_looks_different(path in path()) {
        let Some(path) = path else { return Ok(()) };
        let mut cell = String::new();
        sanitize::path(&path, &mut cell);
        check::assert_harmless(cell.as_bytes());
        let mut rest = cell.as_str();
        if path.deleted {
            rest = rest.strip_suffix(" (deleted)").expect("its mark");
        }
        prop_assert!(!rest.ends_with(" (deleted)"));
        if path.cut && !path.bytes.starts_with(b"/") {
            rest = rest.strip_prefix("…/").expect("its mark");
        }
        prop_assert_eq!(unescape(rest), path.bytes);
    }

    #[test]
    fn messages_are_harmless(bytes in hostile(12)) {
        let message = String::from_utf8_lossy(&bytes);
        let told = told(&message);
        check::assert_harmless(told.as_bytes());
        prop_assert_eq!(told.lines().count(), message.lines().count());
        prop_assert!(told.lines().all(|line| line.starts_with("iotrace: ")));
    }

    #[test]
    fn opens_are_shown_without_harm_and_without_loss(opens in opens()) {
        check::opens(&opens);
    }

    #[test]
    fn transfers_are_shown_without_harm_and_without_loss(transfers in transfers()) {
        check::transfers(&transfers);
    }
}

#[test]
fn an_empty_name_is_a_name() {
    let path = FilePath::default();
    let file = FileId {
        major: 0,
        minor: 0,
        ino: 0,
        generation: 0,
    };
    check::transfers(&[check::transfer(b"", file, Some(path))]);
}
