//! The bytes that a process writes, kept while it runs.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::lock;

/// More than any stream here has; what comes after it is dropped, so that a
/// process that runs wild does not take the machine's memory.
const KEEP: usize = 16 << 20;

/// Everything that a stream has brought so far.
#[derive(Default)]
pub struct Capture {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    closed: bool,
}

impl Capture {
    /// Reads a stream to its end in a thread, which ends with the stream.
    pub fn start(mut stream: impl Read + Send + 'static) -> Arc<Self> {
        let capture = Arc::new(Self::default());
        let writer = Arc::clone(&capture);
        thread::spawn(move || {
            let mut chunk = vec![0; 64 << 10];
            // A read error ends a stream as its writer's death does.
            while let Ok(length @ 1..) = stream.read(&mut chunk) {
                let mut state = lock(&writer.state);
                if state.bytes.len() < KEEP {
                    state.bytes.extend_from_slice(&chunk[..length]);
                }
                writer.changed.notify_all();
            }
            lock(&writer.state).closed = true;
            writer.changed.notify_all();
        });
        capture
    }

    /// Of a stream that was read already.
    pub fn of(text: &str) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                bytes: text.into(),
                closed: true,
            }),
            changed: Condvar::new(),
        })
    }

    /// Waits until `find` sees what it looks for in the bytes so far.
    pub fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        mut find: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + within;
        let mut state = lock(&self.state);
        loop {
            if let Some(found) = find(&state.bytes) {
                return Ok(found);
            }
            if state.closed {
                bail!("the stream ended without {what}");
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("no {what} within {within:?}");
            }
            (state, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// All bytes, once the stream has ended.
    pub fn to_end(&self, within: Duration) -> Result<Vec<u8>> {
        let deadline = Instant::now() + within;
        let mut state = lock(&self.state);
        while !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("the stream did not end within {within:?}");
            }
            (state, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state.bytes.clone())
    }

    /// What has come so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.state).bytes).into_owned()
    }
}
