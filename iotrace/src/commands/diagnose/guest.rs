//! Virtual machines, and which of them a backup is for.

use serde_json::{Deserializer, Value};

use super::program::{self, Program};
use crate::event::Facts;

/// A virtual machine that QEMU runs, as the command line tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guest {
    /// What its host calls it by number: the id of Proxmox.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Files and devices that are its disks, in order, each once. Firmware is not among them.
    pub disks: Vec<String>,
}

impl Guest {
    /// The guest of a process with these facts, if it is QEMU.
    pub fn of(facts: &Facts) -> Option<Self> {
        let program = Program::of(facts);
        let names = match facts.command {
            None if program.names.is_empty() && !facts.kernel => vec![&facts.comm[..]],
            _ => program.names,
        };
        if !names.iter().any(|name| is_qemu(name)) {
            return None;
        }
        let mut guest = Self::default();
        let arguments = String::from_utf8_lossy(program.arguments);
        for (option, value) in options(&arguments) {
            match option {
                "id" => guest.id = Some(value.to_owned()),
                "name" => guest.name = name(value),
                "drive" => guest.add(drive(value)),
                "blockdev" => blockdev(value)
                    .into_iter()
                    .for_each(|disk| guest.add(Some(disk))),
                "hda" | "hdb" | "hdc" | "hdd" => guest.add(Some(value.to_owned())),
                _ => {}
            }
        }
        // The scope that Proxmox starts it in has the same number.
        let scope = facts
            .unit
            .as_deref()
            .and_then(|unit| unit.strip_suffix(".scope"));
        guest.id = guest
            .id
            .or(scope.filter(|id| is_number(id)).map(str::to_owned));
        Some(guest)
    }

    fn add(&mut self, disk: Option<String>) {
        if let Some(disk) = disk
            && !disk.is_empty()
            && !self.disks.contains(&disk)
        {
            self.disks.push(disk);
        }
    }
}

fn is_qemu(name: &[u8]) -> bool {
    matches!(name, b"kvm" | b"qemu-kvm") || name.starts_with(b"qemu-system-")
}

/// Options with their values, which go up to the next option: spaces may stand in them.
fn options(arguments: &str) -> impl Iterator<Item = (&str, &str)> {
    let starts = |at: usize| {
        let (before, rest) = (&arguments[..at], &arguments[at..]);
        let dashes = rest.len() - rest.trim_start_matches('-').len();
        (before.is_empty() || before.ends_with(' '))
            && matches!(dashes, 1 | 2)
            && rest[dashes..].starts_with(|first: char| first.is_ascii_alphabetic())
    };
    let all = arguments.match_indices('-').map(|(at, _)| at);
    let starts: Vec<usize> = all.filter(|at| starts(*at)).collect();
    let ends = starts.clone().into_iter().skip(1).chain([arguments.len()]);
    let parts = starts.into_iter().zip(ends);
    parts.filter_map(|(start, end)| {
        let part = arguments[start..end].trim_start_matches('-');
        let (option, value) = part.split_once(' ')?;
        Some((option, value.trim_end()))
    })
}

/// `key=value` pairs with commas between them; `,,` stands for one in a value. What has no key,
/// has an empty one.
fn pairs(text: &str) -> Vec<(String, String)> {
    const COMMA: &str = "\0";
    let text = text.replace(",,", COMMA);
    let pairs = text.split(',').map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or(("", pair));
        (key.to_owned(), value.replace(COMMA, ","))
    });
    pairs.collect()
}

fn value(pairs: &[(String, String)], keys: &[&str]) -> Option<String> {
    let found = pairs.iter().find(|(key, _)| keys.contains(&key.as_str()));
    found.map(|(_, value)| value.clone())
}

fn name(text: &str) -> Option<String> {
    let pairs = pairs(text);
    let first = pairs.first().filter(|(key, _)| key.is_empty());
    let plain = first.map(|(_, value)| value.clone());
    plain
        .or_else(|| value(&pairs, &["guest"]))
        .filter(|name| !name.is_empty())
}

/// The file of `-drive`, but not of firmware.
fn drive(text: &str) -> Option<String> {
    if text.starts_with("file=json:") {
        return blockdev(text.strip_prefix("file=json:")?)
            .into_iter()
            .next();
    }
    let pairs = pairs(text);
    if value(&pairs, &["if"]).as_deref() == Some("pflash") {
        return None;
    }
    value(&pairs, &["file", "file.filename"])
}

/// The files of `-blockdev`, which may be JSON.
fn blockdev(text: &str) -> Vec<String> {
    if text.starts_with('{') {
        let mut values = Deserializer::from_str(text).into_iter::<Value>();
        let mut disks = Vec::new();
        if let Some(Ok(node)) = values.next() {
            collect(&node, &mut disks);
        }
        return disks;
    }
    let pairs = pairs(text);
    if value(&pairs, &["node-name"]).is_some_and(|node| node.contains("pflash")) {
        return Vec::new();
    }
    value(&pairs, &["filename", "file.filename"])
        .into_iter()
        .collect()
}

/// Adds what a node of the block layer and those below it read. The parser has bounded how deep
/// they are.
fn collect(node: &Value, disks: &mut Vec<String>) {
    let text = |key| node.get(key).and_then(Value::as_str);
    if text("node-name").is_some_and(|name| name.contains("pflash")) {
        return;
    }
    if let Some(file) = text("filename") {
        disks.push(file.to_owned());
    }
    if let (Some("rbd"), Some(pool), Some(image)) = (text("driver"), text("pool"), text("image")) {
        disks.push(format!("rbd:{pool}/{image}"));
    }
    for below in node.as_object().into_iter().flat_map(|node| node.values()) {
        collect(below, disks);
    }
}

/// Ids of the guests that a process with these facts backs up: one that Proxmox titled
/// `task UPID:…:vzdump:105:…`, or `vzdump 105`. None of one that backs up whatever there is.
pub fn backup_targets(facts: &Facts) -> Vec<String> {
    if facts.kernel {
        return Vec::new();
    }
    let command = program::command(facts).unwrap_or_default();
    if let Some(upid) = command.strip_prefix(b"task UPID:") {
        // Node, pid, its start, time, kind of task, id, user.
        let fields: Vec<&[u8]> = upid.split(|byte| *byte == b':').collect();
        return match fields[..] {
            [_, _, _, _, b"vzdump", id, ..] => number(id).into_iter().collect(),
            _ => Vec::new(),
        };
    }
    let program = Program::of(facts);
    if !program.names.contains(&&b"vzdump"[..]) {
        return Vec::new();
    }
    let words: Vec<&[u8]> = program.arguments.split(|byte| *byte == b' ').collect();
    let mut targets = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        // The value of an option, as `--quiet 1`.
        if before.is_some_and(|before| before.starts_with(b"-") && !before.contains(&b'=')) {
            continue;
        }
        targets.extend(number(word));
    }
    targets
}

fn number(word: &[u8]) -> Option<String> {
    let word = std::str::from_utf8(word).ok()?;
    is_number(word).then(|| word.to_owned())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[path = "guest_tests.rs"]
mod tests;
