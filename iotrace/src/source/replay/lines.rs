//! Lines of a recording: a file or stdin, compressed or not.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Longest line. A record has up to some 120 KiB, with two paths of 8 KiB all of which is escaped;
/// what is longer is none, and must not fill memory.
const LONGEST: u64 = 1 << 18;

/// How a compressed recording begins (RFC 8878, 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The lines of a recording, one after the other.
pub struct Lines {
    reader: Box<dyn BufRead + Send>,
    /// Of the file, how many bytes have been taken.
    pub taken: Arc<AtomicU64>,
    /// Size of the file, if it has one.
    pub size: Option<u64>,
    /// Number of the line that was read last.
    pub number: u64,
    line: Vec<u8>,
    /// The rest of a line that was too long is still to come.
    in_line: bool,
}

/// What is read next.
pub enum Line<'a> {
    /// A line, without its end.
    Whole(&'a [u8]),
    /// One that is too long, or without an end: the recording was cut off.
    Broken(&'static str),
    /// There are no more.
    End,
}

impl Lines {
    /// Opens a recording; `-` is stdin.
    pub fn open(path: &Path) -> io::Result<Self> {
        let taken = Arc::new(AtomicU64::new(0));
        let (file, size): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        };
        let counted = Counted {
            inner: file,
            taken: Arc::clone(&taken),
        };
        let mut plain = BufReader::with_capacity(1 << 16, counted);
        let is_compressed = begins_with(&mut plain, &ZSTD)?;
        let reader: Box<dyn BufRead + Send> = if is_compressed {
            let decoder = zstd::stream::read::Decoder::with_buffer(plain)?;
            Box::new(BufReader::with_capacity(1 << 16, decoder))
        } else {
            Box::new(plain)
        };
        Ok(Self {
            reader,
            taken,
            size,
            number: 0,
            line: Vec::new(),
            in_line: false,
        })
    }

    /// Reads a line.
    pub fn next(&mut self) -> io::Result<Line<'_>> {
        if std::mem::take(&mut self.in_line) {
            self.reader.skip_until(b'\n')?;
        }
        self.line.clear();
        let mut limited = self.reader.by_ref().take(LONGEST);
        limited.read_until(b'\n', &mut self.line)?;
        if self.line.is_empty() {
            return Ok(Line::End);
        }
        self.number += 1;
        if self.line.pop_if(|last| *last == b'\n').is_some() {
            return Ok(Line::Whole(&self.line));
        }
        if (self.line.len() as u64) < LONGEST {
            return Ok(Line::Broken("it ends in the middle"));
        }
        self.in_line = true;
        Ok(Line::Broken("it is longer than any record"))
    }
}

/// Whether the rest begins with these bytes, which stay there. Pipes may deliver them in parts.
fn begins_with(
    reader: &mut BufReader<Counted<Box<dyn Read + Send>>>,
    magic: &[u8],
) -> io::Result<bool> {
    let begin = reader.fill_buf()?;
    // The first part of a pipe has at least one byte; that of a line is never that of the magic.
    Ok(!begin.is_empty()
        && begin[0] == magic[0]
        && begin.get(..4).is_none_or(|begin| begin == magic))
}

/// Counts what is read through it.
struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
