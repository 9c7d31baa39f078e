//! A thread of the workload: it lives for a few random steps.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::World;
use super::io::Held;
use super::ledger::Shared;
use crate::work::random::Random;

/// Files that a thread has open at once, those that all share not counted.
const MOST: usize = 12;

/// How far back a name may be that a thread guesses: that of a file which others use.
const RECENT: u64 = 40;

/// What a thread has.
pub struct Hand<'world> {
    world: &'world World,
    random: Random,
    shared: Vec<Held>,
    own: Vec<Held>,
}

impl<'world> Hand<'world> {
    /// A thread with nothing but what all have.
    pub fn new(world: &'world World, random: Random) -> Self {
        let shared = world.shared.iter();
        Self {
            world,
            random,
            shared: shared
                .map(|(fd, file)| Held::borrow(*fd, *file, world.ledger))
                .collect(),
            own: Vec::new(),
        }
    }

    /// Does that many things; all that it opened is closed when this is dropped.
    pub fn work(&mut self, steps: u64) -> Result<()> {
        (0..steps).try_for_each(|_| self.step())
    }

    fn step(&mut self) -> Result<()> {
        match self.random.below(100) {
            0..55 => {
                let arena = self.world.arena;
                if let Some((held, random)) = self.any() {
                    held.call(arena, random);
                }
            }
            55..65 => {
                let path = self.new_path();
                self.open(&path, libc::O_CREAT | libc::O_EXCL)?;
            }
            65..72 => self.close(),
            72..78 => self.unlink(),
            78..83 => self.rename(),
            83..87 => {
                if let Some((held, random)) = self.any() {
                    held.truncate(random);
                }
            }
            87..90 => {
                if let Some((held, random)) = self.any() {
                    held.seek(random);
                }
            }
            90..93 => {
                let path = self.some_path();
                self.open(&path, 0)?;
            }
            93..96 => {
                if let Some(fd) = self.any().map(|(held, _)| held.fd) {
                    self.world.exchange.put(fd);
                }
            }
            96..98 => {
                if let Some(fd) = self.world.exchange.take() {
                    self.world.ledger.add(Shared::Received, 1);
                    self.keep(fd)?;
                }
            }
            98 => {
                if let Some((held, _)) = self.any() {
                    // SAFETY: takes a descriptor that is open; the new one is nobody else's.
                    let fd = unsafe { libc::dup(held.fd) };
                    self.keep(fd)?;
                }
            }
            _ => {
                let name = CString::new(format!("anger-{}", self.random.below(100)))?;
                nix::sys::prctl::set_name(&name)?;
            }
        }
        Ok(())
    }

    /// One of all that it can use, most often its own.
    fn any(&mut self) -> Option<(&mut Held, &mut Random)> {
        let list = if self.own.is_empty() || self.random.once_in(4) {
            &mut self.shared
        } else {
            &mut self.own
        };
        let index = self.random.below(list.len().max(1) as u64) as usize;
        list.get_mut(index).map(|held| (held, &mut self.random))
    }

    fn open(&mut self, path: &Path, flags: libc::c_int) -> Result<()> {
        let access = self.random.of(&[
            libc::O_RDWR,
            libc::O_RDWR,
            libc::O_RDWR | libc::O_APPEND,
            libc::O_RDONLY,
            libc::O_WRONLY,
        ]);
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: a string that ends in a zero; the new descriptor is nobody else's.
        let fd = unsafe { libc::open(path.as_ptr(), access | flags | libc::O_CLOEXEC, 0o600) };
        self.keep(fd)
    }

    /// Keeps a descriptor that is this thread's alone; not one whose making failed.
    fn keep(&mut self, fd: libc::c_int) -> Result<()> {
        if fd >= 0 {
            self.own.push(Held::own(fd, self.world.ledger)?);
        }
        if self.own.len() > MOST {
            self.close();
        }
        Ok(())
    }

    fn close(&mut self) {
        if !self.own.is_empty() {
            let index = self.random.below(self.own.len() as u64) as usize;
            self.own.swap_remove(index);
        }
    }

    /// May fail: another thread may have done so before.
    fn unlink(&mut self) {
        std::fs::remove_file(self.some_path()).ok();
    }

    /// To a new name, or to one that another file has. May fail, as above.
    fn rename(&mut self) {
        let from = self.some_path();
        let to = if self.random.once_in(2) {
            self.new_path()
        } else {
            self.some_path()
        };
        std::fs::rename(from, to).ok();
    }

    fn new_path(&mut self) -> PathBuf {
        let number = self.world.ledger.add(Shared::Names, 1);
        self.path(number)
    }

    /// One that was new not long ago.
    fn some_path(&mut self) -> PathBuf {
        let last = self.world.ledger.get(Shared::Names);
        let number = last.saturating_sub(1 + self.random.below(RECENT));
        self.path(number)
    }

    /// Always the same for a number.
    fn path(&self, number: u64) -> PathBuf {
        let places = &self.world.places;
        places[number as usize % places.len()].join(format!("file-{number}"))
    }
}
