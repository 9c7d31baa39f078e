//! Recordings that are damaged, or larger than memory, by the program as it is installed. A replay
//! needs no privileges and no kernel that can be traced.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const IOTRACE: &str = env!("CARGO_BIN_EXE_iotrace");
const TS: &str = "\"ts\":\"2026-01-01T00:00:00.000000000Z\"";

fn header() -> String {
    format!(
        "{{\"type\":\"header\",{TS},\"schema\":1,\"version\":\"0\",\"backend\":\"fentry\",\
         \"kernel\":\"6.12\",\"command\":\"events\"}}\n"
    )
}

fn row(tid: u64, ino: u64) -> String {
    format!(
        "{{\"type\":\"io\",{TS},\"pid\":1,\"tid\":{tid},\"uid\":0,\"comm\":\"c\",\
         \"path\":\"/srv/data/file-{ino}\",\"dev\":\"8:1\",\"ino\":{ino},\"gen\":1,\
         \"file_type\":\"regular\",\"reads\":1,\"writes\":0,\"read_bytes\":7,\
         \"write_bytes\":0}}\n"
    )
}

fn tick(reads: u64) -> String {
    format!(
        "{{\"type\":\"tick\",{TS},\"interval_ns\":1,\"reads\":{reads},\"writes\":0,\
         \"read_bytes\":{},\"write_bytes\":0,\"lost\":{{}}}}\n",
        reads * 7
    )
}

fn end() -> String {
    format!("{{\"type\":\"end\",{TS},\"lost\":{{}}}}\n")
}

fn replay(path: &Path, arguments: &[&str]) -> (Output, String) {
    let mut command = Command::new(IOTRACE);
    command.args(arguments).arg("--replay").arg(path);
    let output = command.output().expect("iotrace runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

fn records(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("NDJSON")
}

#[test]
fn damage_is_named_counted_and_left_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("damaged.ndjson");
    let spoilt = row(1, 2).replace("\"reads\":1", "\"reads\":-1");
    let lines = [
        header(),
        row(1, 1),
        spoilt,
        "\u{1b}[2J no record\n".to_owned(),
        tick(1),
        row(2, 3),
        tick(1)[..30].to_owned(),
    ];
    fs::write(&path, lines.concat()).expect("a file");
    let (output, said) = replay(&path, &["top", "--json"]);
    assert!(output.status.success(), "{said}");
    for number in [3, 4, 7] {
        assert!(
            said.contains(&format!("line {number} is left out")),
            "{said}"
        );
    }
    assert!(said.contains("has no end"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let records = records(&output);
    let kinds: Vec<_> = records
        .iter()
        .map(|record| record["type"].as_str())
        .collect();
    // The last interval has no tick of its own.
    let expected = ["header", "io", "tick", "io", "tick", "end"];
    assert_eq!(kinds, expected.map(Some));
    // Those before the tick; then the rest, and that there is no end.
    assert_eq!(records[2]["lost"]["replay_damaged"], 2);
    assert_eq!(records[4]["lost"]["replay_damaged"], 2);
    assert_eq!(records[4]["reads"], 1);
    assert_eq!(records[5]["lost"]["replay_damaged"], 4);
    assert_eq!(records[5]["ts"], "2026-01-01T00:00:00.000000000Z");
    let (output, said) = replay(&path, &["top", "--fail-on-loss"]);
    assert_eq!(output.status.code(), Some(1), "{said}");
}

#[test]
fn recordings_may_follow_each_other_and_nothing_else_may_follow() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("two.ndjson");
    let one = [header(), row(1, 1), tick(1), end()].concat();
    fs::write(&path, [one.as_str(), &one].concat()).expect("a file");
    let (output, said) = replay(&path, &["top"]);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("2 reads (14 B)") && said.contains("lost: 0"),
        "{said}"
    );

    fs::write(&path, [one.as_str(), &row(1, 2), &tick(1)].concat()).expect("a file");
    let (_, said) = replay(&path, &["top"]);
    assert!(
        said.contains("line 5 is left out") && said.contains("replay_damaged 2"),
        "{said}"
    );
}

#[test]
fn a_recording_is_not_written_over_while_it_is_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("rec.ndjson");
    let whole = [header(), row(1, 1), tick(1), end()].concat();
    fs::write(&path, &whole).expect("a file");
    let name = path.to_str().expect("UTF-8");
    let (output, said) = replay(&path, &["events", "-o", name]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("a file"), whole);
}

/// More than the process may have.
const BYTES: usize = 150 << 20;
const MEMORY_KIB: u32 = 48 << 10;

#[test]
fn a_recording_larger_than_memory_is_replayed() {
    const ROWS: u64 = 1000;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("large.ndjson");
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    file.write_all(header().as_bytes()).expect("room");
    let (mut written, mut rows) = (0, 0);
    while written < BYTES {
        let block: String = (0..ROWS).map(|tid| row(tid, rows + tid)).collect();
        rows += ROWS;
        written += block.len();
        file.write_all(block.as_bytes()).expect("room");
        file.write_all(tick(ROWS).as_bytes()).expect("room");
    }
    file.write_all(end().as_bytes()).expect("room");
    file.flush().expect("room");

    let script = format!("ulimit -d {MEMORY_KIB} && exec \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, "sh", IOTRACE])
        .args(["top", "-r", "1", "--by", "process", "--replay"])
        .arg(&path)
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    let expected = format!("{rows} reads");
    assert!(said.contains(&expected), "not {expected}: {said}");
    assert!(
        said.contains(&format!("in {} intervals", rows / ROWS)),
        "{said}"
    );
}
