//! What is usual, from run to run.

use super::{super::baseline::Baseline, *};

/// One run in which a service moves so much.
fn compare(baseline: &mut Baseline, bytes: u64) -> Vec<String> {
    let evidence = evidence([disk(bytes, 0), proc(10, "app", bytes, 0)]);
    let catalogue = Catalogue::embedded();
    baseline.compare(&Picture::of(&evidence, &catalogue))
}

#[test]
fn first_runs_have_nothing_to_compare_with() {
    let mut baseline = Baseline::default();
    for run in 0..3 {
        let lines = compare(&mut baseline, 900 * MIB);
        assert!(says(
            &lines,
            &format!("nothing to compare with yet: {run} runs")
        ));
    }
    assert_eq!(
        compare(&mut baseline, 900 * MIB),
        ["nothing is unusual, compared with 3 runs"]
    );
}

#[test]
fn what_is_much_more_than_usual_is_told() {
    let mut baseline = Baseline::default();
    for n in 0..5 {
        compare(&mut baseline, (100 + n) * MIB);
    }
    let usual = compare(&mut baseline, 200 * MIB);
    assert_eq!(usual, ["nothing is unusual, compared with 5 runs"]);
    let lines = compare(&mut baseline, 400 * MIB);
    assert_eq!(
        lines,
        [
            "unusual: app moves 40 MiB/s; usual are 10 MiB/s (± 0.2 MiB/s, 6 runs)"
                .replace("0.2 MiB", "205 KiB"),
            "unusual: device sda moves 40 MiB/s; usual are 10 MiB/s (± 205 KiB/s, 6 runs)"
                .to_owned(),
        ]
    );
}

#[test]
fn next_to_nothing_is_never_unusual() {
    let mut baseline = Baseline::default();
    for _ in 0..3 {
        compare(&mut baseline, 0);
    }
    let lines = compare(&mut baseline, 255 * KIB * SECONDS);
    assert_eq!(lines, ["nothing is unusual, compared with 3 runs"]);
    assert!(says(
        &compare(&mut baseline, 256 * KIB * SECONDS),
        "unusual: app"
    ));
}

#[test]
fn it_is_kept_in_a_file_of_so_many_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("base");
    let mut baseline = Baseline::read(&path).expect("none yet");
    for _ in 0..60 {
        compare(&mut baseline, 10 * MIB);
    }
    baseline.write(&path).expect("a file");
    let mut baseline = Baseline::read(&path).expect("a baseline");
    assert_eq!(
        compare(&mut baseline, 10 * MIB),
        ["nothing is unusual, compared with 50 runs"]
    );
    // Nothing else is left.
    assert_eq!(
        std::fs::read_dir(dir.path()).expect("a directory").count(),
        1
    );
}

#[test]
fn other_files_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("base");
    let reason = |text: &[u8]| {
        std::fs::write(&path, text).expect("a file");
        Baseline::read(&path).expect_err("a reason")
    };
    for garbage in [
        &b""[..],
        b"{}",
        b"\xff\0",
        b"[1]",
        b"{\"schema\":1,\"runs\":[{\"a\":null}]}",
    ] {
        assert!(reason(garbage).starts_with("it is no baseline of iotrace"));
    }
    let newer = reason(b"{\"schema\":2,\"runs\":[]}");
    assert!(newer.contains("schema 2") && newer.contains("another file"));
    assert!(Baseline::read(dir.path()).is_err());
}
