//! A file that events are kept in.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    time::{Duration, Instant},
};

use zstd::stream::write::Encoder;

/// What is written longer than this after the last time goes to the file at once: so much a crash
/// may cost, or an interval where that is longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Level of compression: the library's own default.
const LEVEL: i32 = 3;

/// A file, compressed or not.
pub struct Recording {
    /// `None` once it is finished.
    file: Option<Inner>,
    /// When what was written last went to the file; not yet for the header, for which others may wait.
    flushed: Option<Instant>,
}

enum Inner {
    Plain(BufWriter<File>),
    Compressed(Encoder<'static, File>),
}

impl Recording {
    /// Makes the file, or empties it.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let is_compressed = path.extension().is_some_and(|extension| extension == "zst");
        Ok(Self {
            file: Some(if is_compressed {
                Inner::Compressed(Encoder::new(file, LEVEL)?)
            } else {
                Inner::Plain(BufWriter::new(file))
            }),
            flushed: None,
        })
    }

    /// Adds to it.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let writer: &mut dyn Write = match file {
            Inner::Plain(file) => file,
            Inner::Compressed(file) => file,
        };
        writer.write_all(bytes)?;
        if self
            .flushed
            .is_none_or(|flushed| flushed.elapsed() >= PATIENCE)
        {
            self.flushed = Some(Instant::now());
            writer.flush()?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.file.take() {
            Some(Inner::Plain(mut file)) => file.flush(),
            Some(Inner::Compressed(file)) => file.finish().map(drop),
            None => Ok(()),
        }
    }
}
