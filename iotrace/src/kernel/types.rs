//! The kernel's type information as a file.

use std::{fs, io, path::Path};

use super::{btf::Btf, layout::wanted_names};
use crate::error::Unavailable;

/// Where the running kernel keeps it.
pub const VMLINUX_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Type information, read and indexed.
pub struct TypeFile {
    pub btf: Btf,
    /// Its size.
    pub bytes: u64,
    /// Whether the running kernel describes itself otherwise.
    pub foreign: bool,
}

/// Reads the type information in a file.
pub fn read(path: &Path) -> Result<TypeFile, Unavailable> {
    let data = read_file(path)?;
    let foreign =
        path != Path::new(VMLINUX_BTF) && fs::read(VMLINUX_BTF).is_ok_and(|own| own != data);
    let bytes = data.len() as u64;
    match Btf::parse(data, wanted_names()) {
        Ok(btf) => Ok(TypeFile {
            btf,
            bytes,
            foreign,
        }),
        Err(error) => Err(Unavailable::BadBtf {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// Reads a file, if it is one of sane size: others never end.
fn read_file(path: &Path) -> Result<Vec<u8>, Unavailable> {
    const LARGEST: u64 = 256 << 20;
    let read = fs::metadata(path).and_then(|found| {
        if !found.is_file() || found.len() > LARGEST {
            return Err(io::Error::other("not a file with type information"));
        }
        fs::read(path)
    });
    read.map_err(|error| Unavailable::NoBtf {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}
