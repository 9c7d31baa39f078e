//! The archive that the kernel unpacks as its first file system ("newc" format).

use std::collections::BTreeMap;

/// What lies at a path.
#[derive(Debug)]
enum Node {
    Dir,
    File { mode: u32, content: Vec<u8> },
    Link(String),
}

/// A file tree in memory. Everything belongs to root; directories come into being by themselves.
#[derive(Debug, Default)]
pub struct Archive {
    /// Paths without the leading slash; the order of the map puts directories before their content.
    nodes: BTreeMap<String, Node>,
}

impl Archive {
    pub fn dir(&mut self, path: &str) {
        self.add(path, Node::Dir);
    }

    pub fn file(&mut self, path: &str, executable: bool, content: impl Into<Vec<u8>>) {
        let mode = if executable { 0o755 } else { 0o644 };
        let content = content.into();
        self.add(path, Node::File { mode, content });
    }

    pub fn link(&mut self, path: &str, target: &str) {
        self.add(path, Node::Link(target.to_owned()));
    }

    pub fn contains(&self, path: &str) -> bool {
        self.nodes.contains_key(path.trim_matches('/'))
    }

    fn add(&mut self, path: &str, node: Node) {
        let path = path.trim_matches('/');
        for (end, _) in path.match_indices('/') {
            self.nodes
                .entry(path[..end].to_owned())
                .or_insert(Node::Dir);
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// The archive's bytes.
    pub fn pack(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, (path, node)) in (1..).zip(&self.nodes) {
            match node {
                Node::Dir => entry(&mut bytes, number, path, 0o040_755, b""),
                Node::File { mode, content } => {
                    entry(&mut bytes, number, path, 0o100_000 | mode, content);
                }
                Node::Link(target) => {
                    entry(&mut bytes, number, path, 0o120_777, target.as_bytes());
                }
            }
        }
        entry(&mut bytes, 0, "TRAILER!!!", 0, b"");
        bytes
    }
}

/// One header of 13 hexadecimal numbers, the name, the content; both padded to four bytes.
fn entry(bytes: &mut Vec<u8>, inode: u32, path: &str, mode: u32, content: &[u8]) {
    let (uid, gid, links, mtime, device, check) = (0, 0, 1, 0, 0, 0);
    let numbers = [
        inode,
        mode,
        uid,
        gid,
        links,
        mtime,
        u32::try_from(content.len()).unwrap_or(u32::MAX),
        device,
        device,
        device,
        device,
        u32::try_from(path.len() + 1).unwrap_or(u32::MAX),
        check,
    ];
    bytes.extend_from_slice(b"070701");
    for number in numbers {
        bytes.extend_from_slice(format!("{number:08x}").as_bytes());
    }
    bytes.extend_from_slice(path.as_bytes());
    bytes.push(0);
    pad(bytes);
    bytes.extend_from_slice(content);
    pad(bytes);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_archive_byte_by_byte() {
        let mut archive = Archive::default();
        archive.file("/a/b", true, "hello");
        let header = |inode, mode, size, name_size| {
            format!(
                "070701{inode:08x}{mode:08x}00000000000000000000000100000000{size:08x}\
                 00000000000000000000000000000000{name_size:08x}00000000"
            )
        };
        let expected = [
            header(1, 0o040_755, 0, 2) + "a\0",
            header(2, 0o100_755, 5, 4) + "a/b\0\0\0" + "hello\0\0\0",
            header(0, 0, 0, 11) + "TRAILER!!!\0\0\0\0",
        ];
        assert_eq!(archive.pack(), expected.concat().into_bytes());
    }

    #[test]
    fn a_directory_does_not_replace_what_is_there() {
        let mut archive = Archive::default();
        archive.link("lib", "usr/lib");
        archive.file("lib/x", false, "");
        assert!(matches!(archive.nodes["lib"], Node::Link(_)));
    }
}
