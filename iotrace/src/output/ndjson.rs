//! NDJSON: one object a line. A table of fields per kind of record is the only
//! place where their names stand; docs/events.md is checked against it.

use std::cell::RefCell;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use super::sanitize;
use crate::event::Time;

/// A field of a record.
pub struct Field<R: 'static> {
    /// Its name as it begins the field in a record: `,"name":`. Units stand in it.
    pub key: &'static str,
    /// What it means, for docs/events.md.
    pub doc: &'static str,
    /// Writes its value. What is not written is absent: unknown is never 0.
    pub put: fn(&R, Slot<'_>),
}

impl<R> Field<R> {
    /// Its name.
    pub fn name(&self) -> &'static str {
        &self.key[2..self.key.len() - 2]
    }
}

/// A [`Field`] on few lines.
macro_rules! field {
    ($name:literal, $doc:literal, $put:expr) => {
        $crate::output::ndjson::Field {
            key: concat!(",\"", $name, "\":"),
            doc: $doc,
            put: $put,
        }
    };
}
pub(crate) use field;

/// Place for one value.
pub struct Slot<'a> {
    out: &'a mut Vec<u8>,
    key: &'static str,
}

/// Writes a record.
pub fn write<R>(out: &mut Vec<u8>, kind: &'static str, fields: &[Field<R>], record: &R) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
    for field in fields {
        (field.put)(
            record,
            Slot {
                out,
                key: field.key,
            },
        );
    }
    out.extend_from_slice(b"}\n");
}

/// A number, if there is one.
pub fn put(value: Option<u64>, slot: Slot<'_>) {
    if let Some(value) = value {
        slot.number(value);
    }
}

/// A text, if there is one.
pub fn text(value: Option<&[u8]>, slot: Slot<'_>) {
    if let Some(value) = value {
        slot.text(value);
    }
}

/// Base64 of what is not UTF-8, if there is anything.
pub fn raw(value: Option<&[u8]>, slot: Slot<'_>) {
    if let Some(value) = value {
        slot.raw(value);
    }
}

/// A share, if it is known.
pub fn share(value: Option<f64>, slot: Slot<'_>) {
    if let Some(value) = value {
        slot.fraction(value);
    }
}

impl Slot<'_> {
    fn key(&mut self) -> &mut Vec<u8> {
        self.out.extend_from_slice(self.key.as_bytes());
        self.out
    }

    /// A whole number.
    pub fn number(mut self, value: u64) {
        let mut digits = itoa::Buffer::new();
        self.key()
            .extend_from_slice(digits.format(value).as_bytes());
    }

    /// An object with fields of its own.
    pub fn record<R>(mut self, fields: &[Field<R>], record: &R) {
        let mut inner = Vec::new();
        for field in fields {
            let slot = Slot {
                out: &mut inner,
                key: field.key,
            };
            (field.put)(record, slot);
        }
        let out = self.key();
        out.push(b'{');
        // Each field begins with a comma.
        out.extend_from_slice(inner.get(1..).unwrap_or_default());
        out.push(b'}');
    }

    /// A number with a fraction of four digits. JSON has no word for what is none.
    pub fn fraction(mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let text = format!("{value:.4}");
        self.key().extend_from_slice(text.as_bytes());
    }

    /// `true`; `false` is written too where it is known.
    pub fn flag(mut self, value: bool) {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.key().extend_from_slice(text);
    }

    /// Only `true`.
    pub fn mark(self, value: bool) {
        if value {
            self.flag(true);
        }
    }

    /// Text. Bytes that are not UTF-8 become U+FFFD; see [`Slot::raw`].
    pub fn text(mut self, bytes: &[u8]) {
        let out = self.key();
        match sanitize::plain(bytes) {
            Some(text) => quote_plain(out, text),
            None => quote(out, &String::from_utf8_lossy(bytes)),
        }
    }

    /// Base64 of what [`Slot::text`] could only show with losses.
    pub fn raw(mut self, bytes: &[u8]) {
        if sanitize::plain(bytes).is_none() && std::str::from_utf8(bytes).is_err() {
            let encoded = STANDARD.encode(bytes);
            quote(self.key(), &encoded);
        }
    }

    /// A point in time: RFC 3339, UTC, nanoseconds.
    pub fn time(mut self, time: Time) {
        let out = self.key();
        out.push(b'"');
        rfc3339(time, out);
        out.push(b'"');
    }

    /// A device: `MAJOR:MINOR`.
    pub fn device(mut self, major: u32, minor: u32) {
        let mut digits = itoa::Buffer::new();
        let out = self.key();
        out.push(b'"');
        out.extend_from_slice(digits.format(major).as_bytes());
        out.push(b':');
        out.extend_from_slice(digits.format(minor).as_bytes());
        out.push(b'"');
    }

    /// A list of words.
    pub fn words<'w>(mut self, words: impl Iterator<Item = &'w str>) {
        let out = self.key();
        out.push(b'[');
        for (n, word) in words.enumerate() {
            if n > 0 {
                out.push(b',');
            }
            quote(out, word);
        }
        out.push(b']');
    }

    /// A list of [fractions](Slot::fraction); none of them may be what JSON has no word for.
    pub fn fractions(mut self, values: impl Iterator<Item = f64>) {
        let out = self.key();
        out.push(b'[');
        for (n, value) in values.filter(|value| value.is_finite()).enumerate() {
            if n > 0 {
                out.push(b',');
            }
            out.extend_from_slice(format!("{value:.4}").as_bytes());
        }
        out.push(b']');
    }

    /// An object of texts.
    pub fn texts<'t>(mut self, texts: impl Iterator<Item = (&'t str, &'t str)>) {
        let out = self.key();
        out.push(b'{');
        for (n, (name, text)) in texts.enumerate() {
            if n > 0 {
                out.push(b',');
            }
            quote(out, name);
            out.push(b':');
            quote(out, text);
        }
        out.push(b'}');
    }

    /// An object of numbers.
    pub fn numbers<'n>(mut self, numbers: impl Iterator<Item = (&'n str, u64)>) {
        let out = self.key();
        out.push(b'{');
        for (n, (name, value)) in numbers.enumerate() {
            if n > 0 {
                out.push(b',');
            }
            quote(out, name);
            out.push(b':');
            let mut digits = itoa::Buffer::new();
            out.extend_from_slice(digits.format(value).as_bytes());
        }
        out.push(b'}');
    }
}

/// A JSON string. What would drive a terminal is escaped, since that is where
/// NDJSON too may end.
fn quote(out: &mut Vec<u8>, text: &str) {
    if let Some(text) = sanitize::plain(text.as_bytes()) {
        return quote_plain(out, text);
    }
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            _ if sanitize::is_unsafe(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            _ if character.is_ascii() => out.push(character as u8),
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// The same of what needs no escapes.
fn quote_plain(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// `2024-06-01T12:00:00.000000001Z`.
fn rfc3339(time: Time, out: &mut Vec<u8>) {
    const SECOND: u64 = 1_000_000_000;
    thread_local! {
        /// The second that was written last, for many records are of one.
        static LAST: RefCell<(u64, String)> = RefCell::default();
    }
    LAST.with_borrow_mut(|(second, text)| {
        if text.is_empty() || *second != time.0 / SECOND {
            *second = time.0 / SECOND;
            let timestamp = Timestamp::from_second(*second as i64).unwrap_or_default();
            *text = format!("{timestamp:.0}");
        }
        out.extend_from_slice(text.trim_end_matches('Z').as_bytes());
    });
    // A digit more, so that none of the fraction is left out.
    let mut digits = itoa::Buffer::new();
    let fraction = digits.format(SECOND + time.0 % SECOND);
    out.push(b'.');
    out.extend_from_slice(&fraction.as_bytes()[1..]);
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const FIELDS: [Field<Vec<u8>>; 2] = [
        field!("path", "", |bytes, slot| slot.text(bytes)),
        field!("path_b64", "", |bytes, slot| slot.raw(bytes)),
    ];

    fn lossless(bytes: &Vec<u8>) -> Result<(), TestCaseError> {
        let mut out = Vec::new();
        write(&mut out, "test", &FIELDS, bytes);
        prop_assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        let text = std::str::from_utf8(&out).expect("UTF-8").trim_end();
        prop_assert!(!text.contains(sanitize::is_unsafe));
        let value: Value = serde_json::from_slice(&out).expect("valid JSON");
        let found = match &value["path_b64"] {
            Value::String(encoded) => STANDARD.decode(encoded).expect("valid base64"),
            _ => value["path"]
                .as_str()
                .unwrap_or_default()
                .as_bytes()
                .to_vec(),
        };
        prop_assert_eq!(&found, bytes);
        Ok(())
    }

    proptest! {
        #[test]
        fn any_bytes_survive(bytes: Vec<u8>) {
            lossless(&bytes)?;
        }

        #[test]
        fn any_text_survives(text: String) {
            lossless(&text.into_bytes())?;
        }
    }

    #[test]
    fn times_are_utc_with_nanoseconds() {
        let text = |time| {
            let mut out = Vec::new();
            rfc3339(time, &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(text(Time(1_000_000_007)), "1970-01-01T00:00:01.000000007Z");
    }
}
