//! What lines of several kinds have: threads, files, paths, sums.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use crate::event::{Comm, Counts, FileId, FilePath, FileType, Storage, Thread, Time};

/// A text with, where it is not UTF-8, its bytes in Base64.
pub type Text<'a> = Option<Cow<'a, str>>;

/// Who did it.
#[derive(Deserialize)]
pub struct ThreadFields<'a> {
    pid: u32,
    tid: u32,
    uid: u32,
    #[serde(borrow)]
    comm: Cow<'a, str>,
    comm_b64: Text<'a>,
}

/// Where a file is.
#[derive(Deserialize)]
pub struct PathFields<'a> {
    #[serde(borrow)]
    pub path: Text<'a>,
    pub path_b64: Text<'a>,
    #[serde(default)]
    pub path_claimed: bool,
    #[serde(default)]
    pub path_cut: bool,
    #[serde(default)]
    pub deleted: bool,
}

/// What makes a file this one, and its kind.
#[derive(Deserialize)]
pub struct FileFields<'a> {
    #[serde(borrow)]
    pub dev: Text<'a>,
    pub ino: Option<u64>,
    #[serde(rename = "gen")]
    pub generation: Option<u32>,
    pub file_type: Text<'a>,
}

/// Operations and bytes; what is not there is none.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CountFields {
    reads: u64,
    writes: u64,
    read_bytes: u64,
    write_bytes: u64,
    map_reads: u64,
    map_writes: u64,
    cloned_bytes: u64,
    fetched_bytes: Option<u64>,
    dirtied_bytes: Option<u64>,
}

/// A time; fails before 1970.
pub fn time(timestamp: Timestamp) -> Result<Time, String> {
    let ns = u64::try_from(timestamp.as_nanosecond());
    ns.map(Time).map_err(|_| "a time before 1970".to_owned())
}

/// The bytes of a text; fails where they are not Base64.
pub fn text(text: &str, encoded: Option<&str>) -> Result<Bytes, String> {
    match encoded {
        Some(encoded) => STANDARD
            .decode(encoded)
            .map(Bytes::from)
            .map_err(|error| error.to_string()),
        None => Ok(Bytes::copy_from_slice(text.as_bytes())),
    }
}

/// A thread; fails with a name that no thread can have.
pub fn thread(fields: &ThreadFields<'_>) -> Result<Thread, String> {
    Ok(Thread {
        pid: fields.pid,
        tid: fields.tid,
        uid: fields.uid,
        comm: comm(&fields.comm, fields.comm_b64.as_deref())?,
    })
}

fn comm(name: &str, encoded: Option<&str>) -> Result<Comm, String> {
    let name = text(name, encoded)?;
    Comm::new(&name).ok_or_else(|| "a thread with a name that is too long".to_owned())
}

/// A path, if there is one.
pub fn path(fields: &PathFields<'_>) -> Result<Option<FilePath>, String> {
    let Some(path) = &fields.path else {
        return Ok(None);
    };
    Ok(Some(FilePath {
        bytes: text(path, fields.path_b64.as_deref())?,
        deleted: fields.deleted,
        cut: fields.path_cut,
        claimed: fields.path_claimed,
    }))
}

/// A file and its kind, as far as they are there.
pub fn file(fields: &FileFields<'_>) -> Result<(Option<FileId>, Option<FileType>), String> {
    let file_type = match fields.file_type.as_deref() {
        Some(name) => Some(FileType::from_name(name).ok_or_else(|| format!("file_type {name:?}"))?),
        None => None,
    };
    let (Some(dev), Some(ino), Some(generation)) = (&fields.dev, fields.ino, fields.generation)
    else {
        return Ok((None, file_type));
    };
    let numbers = dev
        .split_once(':')
        .map(|(major, minor)| (major.parse(), minor.parse()));
    let Some((Ok(major), Ok(minor))) = numbers else {
        return Err(format!("dev {dev:?}"));
    };
    let file = FileId {
        major,
        minor,
        ino,
        generation,
    };
    Ok((Some(file), file_type))
}

/// The sums.
pub fn counts(fields: &CountFields) -> Counts {
    Counts {
        reads: fields.reads,
        writes: fields.writes,
        read_bytes: fields.read_bytes,
        write_bytes: fields.write_bytes,
        map_reads: fields.map_reads,
        map_writes: fields.map_writes,
        cloned_bytes: fields.cloned_bytes,
        storage: fields.fetched_bytes.map(|fetched_bytes| Storage {
            fetched_bytes,
            dirtied_bytes: fields.dirtied_bytes.unwrap_or(0),
        }),
    }
}
