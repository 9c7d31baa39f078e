//! What must be true whatever the bytes. Also the targets of `cargo fuzz` (fuzz/)
//! check this, so it asserts instead of returning what is wrong.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iotrace::{
    decode::{self, Record},
    event::{
        Comm, Counts, Event, FileId, FilePath, FileType, Io, Open, Opened, Thread, Tick, Time,
    },
    kernel::btf::Btf,
};
use iotrace_common::{COMM_LEN, Layout};
use serde_json::{Map, Value};

use super::{object, render};

/// Decodes a record. A path is as long as its bytes allow, and has no NUL.
pub fn record(bytes: &[u8]) -> Option<Record> {
    let record = decode::record(bytes).ok()?;
    let (path, comm) = match &record {
        Record::Name { path, .. } => (path, None),
        Record::Open { open, .. } => (&open.path, Some(&open.thread.comm[..])),
        Record::From(begun) => (&begun.path, None),
        Record::Change { change, .. } => (&change.path, Some(&change.thread.comm[..])),
        Record::Each(each) => (&None, Some(&each.thread.comm[..])),
        Record::Exit(exit) => (&None, Some(&exit.comm[..])),
    };
    if let Some(comm) = comm {
        assert!(comm.len() <= COMM_LEN && !comm.contains(&0), "{comm:?}");
    }
    if let Some(path) = path {
        assert!(path.bytes.len() <= bytes.len() + 1, "{}", path.bytes.len());
        assert!(!path.bytes.contains(&0), "{path:?}");
    }
    Some(record)
}

/// Decodes a record, and shows what it tells in every way there is.
pub fn record_and_output(bytes: &[u8]) {
    match record(bytes) {
        Some(Record::Open { open, .. }) => opens(&[open]),
        Some(Record::Change { change, .. }) => told(Event::Change(change)),
        Some(Record::Each(each)) => told(Event::Each(each)),
        // Comes with the change that it is part of; or goes to the accounts of processes.
        Some(Record::From(_) | Record::Exit(_)) => {}
        Some(Record::Name { file, path }) => {
            // Nothing but the name comes with such a record.
            let comm = &bytes[bytes.len().saturating_sub(COMM_LEN)..];
            transfers(&[transfer(comm, file, path)]);
        }
        None => {}
    }
}

/// A transfer of the largest numbers, by a thread of this name, as far as there is room for it.
pub fn transfer(comm: &[u8], file: FileId, path: Option<FilePath>) -> Io {
    Io {
        thread: Thread {
            pid: u32::MAX,
            tid: u32::MAX,
            uid: u32::MAX,
            comm: cut(comm),
        },
        file,
        file_type: FileType::Regular,
        path: path.map(Arc::new),
        counts: Counts {
            reads: u64::MAX,
            writes: 1,
            read_bytes: u64::MAX,
            write_bytes: u64::MAX,
            map_reads: u64::MAX,
            map_writes: 1,
            cloned_bytes: u64::MAX,
            storage: Some(iotrace::event::Storage {
                fetched_bytes: u64::MAX,
                dirtied_bytes: 1,
            }),
        },
        lower: true,
    }
}

/// The name of a thread, as far as there is room for it.
pub fn cut(name: &[u8]) -> Comm {
    Comm::new(&name[..name.len().min(COMM_LEN)]).expect("a name")
}

/// Shows an event of `events` and `churn` as text and as NDJSON.
fn told(event: Event) {
    let events = [event, Event::Tick(Tick::default())];
    for command in ["events --each", "churn", "churn --files"] {
        for options in ["", " --json"] {
            let printed = render::text(&format!("{command}{options}"), &events);
            assert!(std::str::from_utf8(&printed).is_ok());
        }
    }
}

/// Shows opens as text and as NDJSON.
pub fn opens(opens: &[Open]) {
    let mut events: Vec<Event> = opens.iter().cloned().map(Event::Open).collect();
    events.push(Event::Tick(Tick::default()));
    let text = render::text("opens -T -U -e", &events);
    assert_harmless(&text);
    assert_eq!(
        lines(&text).len(),
        1 + opens.len(),
        "{}",
        text.escape_ascii()
    );

    let records = objects(&render::text("opens --json", &events));
    // Header, opens, tick, end.
    assert_eq!(records.len(), opens.len() + 3);
    for (record, open) in records[1..].iter().zip(opens) {
        assert_eq!(record["type"], "open");
        assert_name(record, "comm", Some(&open.thread.comm));
        assert_name(
            record,
            "path",
            open.path.as_ref().map(|path| &path.bytes[..]),
        );
        assert_eq!(record["cgroup_id"].as_u64(), Some(open.cgroup));
        assert_eq!(record["pid"].as_u64(), Some(open.thread.pid.into()));
        match &open.result {
            Opened::Ok { fd, file, .. } => {
                let told = record.get("fd").and_then(Value::as_u64);
                assert_eq!(told, fd.map(u64::from));
                let ino = record.get("ino").and_then(Value::as_u64);
                assert_eq!(ino, file.map(|(file, _)| file.ino));
            }
            Opened::Failed { errno } => assert_eq!(record["errno"].as_i64(), Some((*errno).into())),
        }
    }
}

/// Shows transfers as text and as NDJSON, summed in every way.
pub fn transfers(transfers: &[Io]) {
    let mut events: Vec<Event> = transfers.iter().cloned().map(Event::Io).collect();
    events.push(Event::Tick(Tick {
        time: Time(u64::MAX),
        ..Tick::default()
    }));
    for by in [
        "",
        " --by file",
        " --by thread",
        " --by process",
        " --by directory",
    ] {
        let text = render::text(&format!("top{by}"), &events);
        assert_harmless(&text);
        // Headline, blank, titles, rows, blank.
        let rows = lines(&text).len() - 4;
        assert!(
            (1..=transfers.len()).contains(&rows),
            "{}",
            text.escape_ascii()
        );
        let records = objects(&render::text(&format!("top --json{by}"), &events));
        assert!(records.iter().all(|record| record["type"].is_string()));
        assert_eq!(records.len(), rows + 3, "{}", text.escape_ascii());
    }
    // On a terminal, only what clears the screen comes before the same.
    let text = render::text_of_terminal("top", &events);
    assert_harmless(text.strip_prefix(b"\x1b[H\x1b[J").expect("a clear screen"));

    let records = objects(&render::text("top --json --sort reads", &events));
    let rows: Vec<_> = records
        .iter()
        .filter(|record| record["type"] == "io")
        .collect();
    assert_eq!(rows.len(), transfers.len());
    for io in transfers {
        let path = io.path.as_ref().map(|path| &path.bytes);
        let found = rows.iter().any(|row| {
            name(row, "comm").as_deref() == Some(&*io.thread.comm)
                && name(row, "path").as_deref() == path.map(|path| &**path)
                && row["ino"].as_u64() == Some(io.file.ino)
                && row["read_bytes"].as_u64() == Some(io.counts.read_bytes)
                && row["write_bytes"].as_u64() == Some(io.counts.write_bytes)
        });
        assert!(found, "{io:?} is not in {rows:?}");
    }
}

/// Asks a BTF file for all that iotrace wants of one. There is an end to it.
pub fn btf(data: &[u8]) {
    const FUNCTIONS: [&str; 4] = ["vfs_read", "vfs_write", "do_sys_openat2", "vfs_unlink"];
    let structs = Layout::FIELDS
        .iter()
        .filter_map(|(path, ..)| path.split('.').next());
    let wanted = structs.chain(FUNCTIONS).chain(["pt_regs"]);
    let Ok(btf) = Btf::parse(data.to_vec(), wanted) else {
        return;
    };
    for (path, ..) in Layout::FIELDS {
        // A struct is not larger than 2^32 bits.
        assert!(btf.offset(path).is_none_or(|offset| offset < 1 << 29));
    }
    for function in FUNCTIONS {
        // What it says is shown to people, so it must not be a flood.
        let arguments = btf.arguments(function).unwrap_or_default();
        assert!(arguments.len() <= 64);
        assert!(arguments.iter().all(|name| name.len() <= 3 * 512));
    }
}

/// Nothing of it drives a terminal, or hides from who looks at it.
pub fn assert_harmless(text: &[u8]) {
    let text = std::str::from_utf8(text).expect("text is UTF-8");
    let harm = text.split('\n').find_map(|line| line.find(is_harmful));
    assert_eq!(harm, None, "{text:?}");
}

/// Told apart from the output's own opinion, and not in the same words.
fn is_harmful(character: char) -> bool {
    let blank = character.is_whitespace() && character != ' ';
    let drawn_blank =
        "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{180e}\u{2800}\u{3164}\u{feff}\u{ffa0}";
    character.is_control()
        || blank
        || drawn_blank.contains(character)
        || ('\u{200b}'..='\u{200f}').contains(&character)
        || ('\u{202a}'..='\u{202e}').contains(&character)
        || ('\u{2060}'..='\u{2069}').contains(&character)
        || ('\u{fff9}'..='\u{fffb}').contains(&character)
        || ('\u{e0000}'..='\u{e007f}').contains(&character)
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    let text = text.strip_suffix(b"\n").expect("whole lines");
    text.split(|byte| *byte == b'\n').collect()
}

/// Lines of NDJSON, each of which is an object that names everything once.
fn objects(text: &[u8]) -> Vec<Map<String, Value>> {
    assert_harmless(text);
    lines(text).into_iter().map(object::parse).collect()
}

fn assert_name(record: &Map<String, Value>, key: &str, expected: Option<&[u8]>) {
    assert_eq!(
        name(record, key).as_deref(),
        expected,
        "{key} of {record:?}"
    );
}

/// All bytes of a name: in Base64, unless the text has them.
fn name(record: &Map<String, Value>, key: &str) -> Option<Vec<u8>> {
    let text = record.get(key)?.as_str().expect("text");
    let Some(encoded) = record.get(&format!("{key}_b64")) else {
        return Some(text.as_bytes().to_vec());
    };
    let bytes = STANDARD.decode(encoded.as_str().expect("text"));
    let bytes = bytes.expect("base64");
    assert_eq!(String::from_utf8_lossy(&bytes), text);
    Some(bytes)
}
