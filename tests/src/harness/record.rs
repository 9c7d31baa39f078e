//! The NDJSON records of iotrace, read as a stranger would: from the contract,
//! with no code of iotrace's.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::is_harmful;
use crate::counts::{Counts, Extra, Moved};

/// What every line has.
#[derive(Debug, Deserialize)]
pub struct Envelope {
    /// Which record it is.
    #[serde(rename = "type")]
    pub kind: String,
    ts: String,
}

impl Envelope {
    /// Reads the envelope of a line and checks what holds for every line: that
    /// it may reach a terminal, because JSON can escape what may not, and that
    /// its time stamp is whole.
    pub fn parse(line: &str) -> Result<Self> {
        if let Some(harm) = line.chars().find(|c| is_harmful(*c)) {
            bail!("a terminal would get {harm:?}, which JSON can escape: {line:?}");
        }
        let envelope: Self = parse(line)?;
        let shape: String = envelope
            .ts
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        ensure!(
            shape == "0000-00-00T00:00:00.000000000Z",
            "ts {:?} is not RFC 3339 in UTC with nanoseconds",
            envelope.ts
        );
        Ok(envelope)
    }
}

/// The first record.
#[derive(Clone, Debug, Deserialize)]
pub struct Header {
    /// Version of the record format.
    pub schema: u32,
    /// The kernel side that runs.
    pub backend: String,
    /// Release of the kernel.
    pub kernel: String,
    /// The subcommand.
    pub command: String,
    /// Ways into a file that are not seen, by their names.
    pub unseen: Option<BTreeSet<String>>,
}

/// The last record.
#[derive(Clone, Debug, Deserialize)]
pub struct End {
    /// Everything that was lost, by cause.
    pub lost: BTreeMap<String, u64>,
}

/// The end of an interval.
#[derive(Clone, Debug, Deserialize)]
pub struct Tick {
    /// Length of the interval.
    pub interval_ns: Option<u64>,
    /// Number of rows.
    pub rows: Option<u64>,
    /// All operations of the interval (`top` only).
    #[serde(flatten)]
    pub total: Option<Counts>,
    /// What is not operations (`top` only).
    #[serde(flatten)]
    pub extra: Extra,
    /// Those that have no row (`top` only).
    pub overflow: Option<Moved>,
    /// What was lost, by cause.
    pub lost: BTreeMap<String, u64>,
}

/// What a thread did with a file in an interval.
#[derive(Clone, Debug, Deserialize)]
pub struct Io {
    /// Process.
    pub pid: Option<u32>,
    /// Thread.
    pub tid: Option<u32>,
    /// User of the thread.
    pub uid: Option<u32>,
    comm: Option<String>,
    comm_b64: Option<String>,
    path: Option<String>,
    path_b64: Option<String>,
    /// The name was gone when the row was made.
    #[serde(default)]
    pub deleted: bool,
    /// The path is not whole.
    #[serde(default)]
    pub path_cut: bool,
    /// Device of the file's filesystem.
    pub dev: Option<String>,
    /// Inode number.
    pub ino: Option<u64>,
    /// Generation of the inode: another file has another.
    #[serde(rename = "gen")]
    pub generation: Option<u64>,
    /// Kind of file.
    pub file_type: Option<String>,
    /// Number of files, in a row that is summed over files.
    pub files: Option<u64>,
    /// What a file system or device below did, for `lower`.
    pub layer: Option<String>,
    /// Operations of the interval.
    #[serde(flatten)]
    pub counts: Counts,
    /// What is not operations.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Io {
    /// Reads a line, and checks that its names are lossless.
    pub fn parse(line: &str) -> Result<Self> {
        let row: Self = parse(line)?;
        exact(row.comm.as_deref(), row.comm_b64.as_deref()).context("comm")?;
        exact(row.path.as_deref(), row.path_b64.as_deref()).context("path")?;
        Ok(row)
    }

    /// The path, byte for byte.
    pub fn path(&self) -> Option<PathBuf> {
        exact(self.path.as_deref(), self.path_b64.as_deref())
            .ok()?
            .map(PathBuf::from)
    }

    /// The thread's name, byte for byte.
    pub fn comm(&self) -> Option<OsString> {
        exact(self.comm.as_deref(), self.comm_b64.as_deref()).ok()?
    }

    /// All that happened.
    pub fn moved(&self) -> Moved {
        Moved {
            counts: self.counts,
            extra: self.extra,
        }
    }
}

/// One open, successful or not.
#[derive(Clone, Debug, Deserialize)]
pub struct Open {
    /// Process.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// User of the thread.
    pub uid: u32,
    comm: Option<String>,
    comm_b64: Option<String>,
    /// The new descriptor.
    pub fd: Option<i32>,
    /// How it was opened, if not by a call that names a path.
    pub via: Option<String>,
    /// Why there is none.
    pub errno: Option<i32>,
    /// The name of that error.
    pub error: Option<String>,
    /// The names of the flags.
    pub flags: Vec<String>,
    /// This open made the file.
    pub created: Option<bool>,
    path: Option<String>,
    path_b64: Option<String>,
    /// The path is what the caller said, not what the kernel opened.
    #[serde(default)]
    pub path_claimed: bool,
    /// The path is not whole.
    #[serde(default)]
    pub path_cut: bool,
}

impl Open {
    /// Reads a line, and checks that it is either a success or a failure.
    pub fn parse(line: &str) -> Result<Self> {
        let open: Self = parse(line)?;
        exact(open.comm.as_deref(), open.comm_b64.as_deref()).context("comm")?;
        exact(open.path.as_deref(), open.path_b64.as_deref()).context("path")?;
        match (open.fd, open.errno, &open.error, open.created) {
            (Some(_), None, None, Some(_)) | (None, Some(_), Some(_), None) => Ok(open),
            // The kernel opens a program for itself.
            (None, None, None, _) if open.via.as_deref() == Some("exec") => Ok(open),
            _ => bail!("neither a successful nor a failed open: {line}"),
        }
    }

    /// The path, byte for byte.
    pub fn path(&self) -> Option<PathBuf> {
        exact(self.path.as_deref(), self.path_b64.as_deref())
            .ok()?
            .map(PathBuf::from)
    }

    /// The thread's name, byte for byte.
    pub fn comm(&self) -> Option<OsString> {
        exact(self.comm.as_deref(), self.comm_b64.as_deref()).ok()?
    }
}

/// Reads a record of a known kind.
pub fn parse<'line, T: Deserialize<'line>>(line: &'line str) -> Result<T> {
    serde_json::from_str(line).with_context(|| format!("not as promised: {line}"))
}

/// The bytes behind a name: `*_b64` is there exactly when the name is not
/// UTF-8, and then the plain field is its lossy form.
pub fn exact(plain: Option<&str>, base64: Option<&str>) -> Result<Option<OsString>> {
    let Some(base64) = base64 else {
        return Ok(plain.map(OsString::from));
    };
    let bytes = STANDARD
        .decode(base64)
        .with_context(|| format!("{base64:?} is not base64"))?;
    let plain = plain.ok_or_else(|| anyhow!("base64 without the lossy form"))?;
    ensure!(
        std::str::from_utf8(&bytes).is_err(),
        "base64 of {plain:?}, which is UTF-8"
    );
    ensure!(
        String::from_utf8_lossy(&bytes) == plain,
        "{plain:?} is not the lossy form of {bytes:?}"
    );
    Ok(Some(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::exact;

    #[test]
    fn names_are_lossless_or_refused() {
        let bytes = |plain, base64| {
            let name = exact(plain, base64).ok()?;
            Some(name.map(OsString::into_vec))
        };
        assert_eq!(bytes(None, None), Some(None));
        assert_eq!(bytes(Some("a"), None), Some(Some(b"a".to_vec())));
        assert_eq!(
            bytes(Some("\u{fffd}"), Some("/w==")),
            Some(Some(vec![0xff]))
        );
        assert_eq!(bytes(Some("a"), Some("YQ==")), None, "UTF-8");
        assert_eq!(bytes(Some("b"), Some("/w==")), None, "another name");
        assert_eq!(bytes(None, Some("/w==")), None, "no lossy form");
    }
}
