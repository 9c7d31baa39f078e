//! Reads the kernel's own type information (BTF): where a struct keeps a
//! member, which arguments a function takes.
//!
//! vmlinux holds some 150,000 types. One pass remembers where each starts and
//! looks only at the names that are wanted, which takes a few milliseconds and no
//! memory for the rest. Users may hand in any file: what it says is believed only
//! within bounds, so that none takes for ever.
//! Format: Documentation/bpf/btf.rst.

use std::{collections::HashMap, ops::Range};

use thiserror::Error;

const MAGIC: u16 = 0xeb9f;

const KIND_INT: u32 = 1;
const KIND_PTR: u32 = 2;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;
const KIND_LAST: u32 = KIND_ENUM64;

/// Longest chain of anonymous members, typedefs and qualifiers that is followed.
const DEPTH: usize = 16;
/// Most members that are looked at for one name. Anonymous structs that contain
/// each other would otherwise have more of them than anyone can wait for.
const MEMBERS: u32 = 1 << 17;
/// Most structs of one name; the kernel has one or two.
const NAMESAKES: usize = 16;
/// Most arguments of a function.
const ARGUMENTS: usize = 64;
/// Longest name (`KSYM_NAME_LEN`, include/linux/kallsyms.h). What is longer is cut,
/// and so is none that is wanted.
const NAME: usize = 512;

/// The bytes are not BTF that this reader understands.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BtfError {
    /// Too short, or another format.
    #[error("no BTF header")]
    NoHeader,
    /// A section or type reaches past the end.
    #[error("cut short at byte {0}")]
    Cut(usize),
    /// Newer than this reader.
    #[error("unknown kind of type: {0}")]
    UnknownKind(u32),
}

/// An index of the wanted part of a BTF blob.
pub struct Btf {
    data: Vec<u8>,
    /// Where names are.
    strings: Range<usize>,
    /// Where type `n + 1` starts.
    types: Vec<u32>,
    structs: HashMap<String, Vec<u32>>,
    functions: HashMap<String, u32>,
    typedefs: HashMap<String, u32>,
}

/// Head of a type.
#[derive(Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    len: usize,
    flag: bool,
    /// Size or referred type.
    value: u32,
    /// Where its details start.
    body: usize,
}

/// Names that are wanted. To look up each of some 80,000 others would take most of the time: nearly
/// all are told by their first 8 bytes.
struct Wanted<'a> {
    names: HashMap<&'a [u8], &'a str>,
    /// A bit for each of their beginnings.
    heads: [u64; 64],
}

impl<'a> Wanted<'a> {
    fn new(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(|name| (name.as_bytes(), name));
        let mut wanted = Self {
            names: names.collect(),
            heads: [0; 64],
        };
        for name in wanted.names.keys() {
            let (word, bit) = place(head_of(name));
            wanted.heads[word] |= bit;
        }
        wanted
    }

    /// Whether a name that begins so may be one of them.
    fn may_have(&self, head: u64) -> bool {
        let (word, bit) = place(head);
        self.heads[word] & bit != 0
    }
}

/// Where the bit for a beginning is: 12 bits of a product in which all of it counts.
fn place(head: u64) -> (usize, u64) {
    let hash = head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// The first 8 bytes of a name, zeros behind its end.
fn head_of(name: &[u8]) -> u64 {
    let mut head = [0; 8];
    for (to, from) in head.iter_mut().zip(name) {
        *to = *from;
    }
    until_zero(u64::from_le_bytes(head))
}

/// Clears what stands behind the first zero byte.
fn until_zero(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The lowest bit that is set is in the first zero byte; those above it may be wrong.
    let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
    match zeros.trailing_zeros() {
        64 => word,
        at => word & ((1 << (at & !7)) - 1),
    }
}

impl Btf {
    /// Indexes `data`; only the named structs, functions and tracepoints can be asked for.
    pub fn parse<'a>(
        data: Vec<u8>,
        wanted: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, BtfError> {
        if data.len() < 24 || u16::from_le_bytes([data[0], data[1]]) != MAGIC {
            return Err(BtfError::NoHeader);
        }
        let mut btf = Self {
            strings: 0..0,
            types: Vec::new(),
            structs: HashMap::new(),
            functions: HashMap::new(),
            typedefs: HashMap::new(),
            data,
        };
        let head = btf.word(4)? as usize;
        let start = head + btf.word(8)? as usize;
        let end = start + btf.word(12)? as usize;
        let names = head + btf.word(16)? as usize;
        btf.strings = names..names + btf.word(20)? as usize;
        if end > btf.data.len() || btf.strings.end > btf.data.len() {
            return Err(BtfError::Cut(btf.data.len()));
        }
        let wanted = Wanted::new(wanted);
        btf.index(start, end, &wanted)?;
        Ok(btf)
    }

    /// Number of types.
    pub fn count(&self) -> usize {
        self.types.len()
    }

    fn index(&mut self, mut at: usize, end: usize, wanted: &Wanted<'_>) -> Result<(), BtfError> {
        self.types.reserve((end - at) / 28);
        while at < end {
            let ty = self.read(at)?;
            self.types.push(at as u32);
            let id = self.types.len() as u32;
            if matches!(ty.kind, KIND_STRUCT | KIND_FUNC | KIND_TYPEDEF)
                && wanted.may_have(self.head(ty.name))
                && let Some(name) = wanted.names.get(self.string(ty.name))
            {
                let name = (*name).to_owned();
                match ty.kind {
                    KIND_FUNC => _ = self.functions.insert(name, id),
                    KIND_TYPEDEF => _ = self.typedefs.insert(name, id),
                    _ => {
                        let ids = self.structs.entry(name).or_default();
                        if ids.len() < NAMESAKES {
                            ids.push(id);
                        }
                    }
                }
            }
            let per_item = match ty.kind {
                KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12,
                KIND_ENUM | KIND_FUNC_PROTO => 8,
                _ => 0,
            };
            let fixed = match ty.kind {
                KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
                KIND_ARRAY => 12,
                kind if kind == 0 || kind > KIND_LAST => return Err(BtfError::UnknownKind(kind)),
                _ => 0,
            };
            at = ty.body + fixed + per_item * ty.len;
        }
        if at > end {
            return Err(BtfError::Cut(end));
        }
        Ok(())
    }

    /// Byte offset of a member, by a path such as `file.f_path.dentry`. Members
    /// of anonymous structs and unions are found as C finds them.
    pub fn offset(&self, path: &str) -> Option<u32> {
        let mut names = path.split('.');
        let structs = self.structs.get(names.next()?)?;
        let names: Vec<&str> = names.collect();
        structs.iter().find_map(|id| {
            let mut at = *id;
            let mut bits = 0;
            for name in &names {
                let (offset, ty) = self.member(at, name.as_bytes(), DEPTH, &mut { MEMBERS })?;
                bits = offset.checked_add(bits)?;
                at = ty;
            }
            (bits % 8 == 0).then_some(bits / 8)
        })
    }

    /// Names of a function's arguments, in order.
    pub fn arguments(&self, function: &str) -> Option<Vec<String>> {
        let function = self.get(*self.functions.get(function)?)?;
        let proto = self.get(function.value)?;
        (proto.kind == KIND_FUNC_PROTO && proto.len <= ARGUMENTS).then_some(())?;
        (0..proto.len)
            .map(|n| {
                let name = self.word(proto.body + n * 8).ok()?;
                Some(String::from_utf8_lossy(self.string(name)).into_owned())
            })
            .collect()
    }

    /// How many arguments a raw tracepoint has, by the name of its type,
    /// `btf_trace_NAME`.
    pub fn tracepoint_arguments(&self, name: &str) -> Option<usize> {
        let pointer = self.get(self.get(*self.typedefs.get(name)?)?.value)?;
        let proto = self.get(pointer.value)?;
        let is_known = pointer.kind == KIND_PTR && proto.kind == KIND_FUNC_PROTO;
        // The first is not the tracepoint's but its user's.
        is_known.then(|| proto.len.checked_sub(1)).flatten()
    }

    /// Type id of a structure that is an array and nothing else, as the kernel numbers it, and its
    /// size in bytes.
    pub fn array(&self, name: &str) -> Option<(u32, u32)> {
        let id = *self.structs.get(name)?.first()?;
        let ty = self.get(id)?;
        let member = self.resolve(self.word(ty.body + 4).ok()?)?;
        (ty.len == 1 && member.kind == KIND_ARRAY).then_some((id, ty.value))
    }

    /// Type id of a function, as the kernel numbers it.
    pub fn function(&self, name: &str) -> Option<u32> {
        self.functions.get(name).copied()
    }

    /// Bit offset and type of a member, if it is among the next `left`.
    fn member(&self, id: u32, name: &[u8], depth: usize, left: &mut u32) -> Option<(u32, u32)> {
        let ty = self.resolve(id)?;
        if depth == 0 || !matches!(ty.kind, KIND_STRUCT | KIND_UNION) {
            return None;
        }
        (0..ty.len).find_map(|n| {
            *left = left.checked_sub(1)?;
            let at = ty.body + n * 12;
            let member_name = self.word(at).ok()?;
            let member_type = self.word(at + 4).ok()?;
            let raw = self.word(at + 8).ok()?;
            // With the flag set, the upper byte is the width of a bit field.
            let offset = if ty.flag { raw & 0x00ff_ffff } else { raw };
            if member_name == 0 {
                let (inner, found) = self.member(member_type, name, depth - 1, left)?;
                return Some((offset.checked_add(inner)?, found));
            }
            (self.string(member_name) == name).then_some((offset, member_type))
        })
    }

    /// The type behind typedefs and qualifiers.
    fn resolve(&self, mut id: u32) -> Option<Type> {
        for _ in 0..DEPTH {
            let ty = self.get(id)?;
            match ty.kind {
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => {
                    id = ty.value;
                }
                _ => return Some(ty),
            }
        }
        None
    }

    fn get(&self, id: u32) -> Option<Type> {
        let at = *self.types.get((id as usize).checked_sub(1)?)?;
        self.read(at as usize).ok()
    }

    fn read(&self, at: usize) -> Result<Type, BtfError> {
        let info = self.word(at + 4)?;
        Ok(Type {
            name: self.word(at)?,
            kind: (info >> 24) & 0x1f,
            len: (info & 0xffff) as usize,
            flag: info >> 31 != 0,
            value: self.word(at + 8)?,
            body: at + 12,
        })
    }

    fn word(&self, at: usize) -> Result<u32, BtfError> {
        let bytes = self.data.get(at..at + 4).ok_or(BtfError::Cut(at))?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// The first bytes of a name, zeros behind its end.
    fn head(&self, offset: u32) -> u64 {
        let from = self.strings.start + offset as usize;
        let bytes = self.data.get(from..self.strings.end).unwrap_or_default();
        match bytes.first_chunk() {
            Some(head) => until_zero(u64::from_le_bytes(*head)),
            None => head_of(bytes),
        }
    }

    fn string(&self, offset: u32) -> &[u8] {
        let from = self.strings.start + offset as usize;
        let to = self.strings.end.min(from + NAME);
        let bytes = self.data.get(from..to).unwrap_or_default();
        let end = bytes.iter().position(|byte| *byte == 0);
        &bytes[..end.unwrap_or(bytes.len())]
    }
}

#[cfg(test)]
#[path = "btf_tests.rs"]
mod tests;
