//! Rows, and where they stand.
//!
//! Rows stand in an array that user space maps, so that it reads and clears them without a system
//! call, one behind the other. Hash maps say where that of a key stands. What they say holds for one
//! tick, but it stays there: to find a key again costs less than to add and to delete it.

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    maps::{HashMap, Queue},
};
use iotrace_common::{Hook, ROW_KNOWN, ROW_NEW, RowKey, RowPlace, Run, Totals};

use crate::{
    emit::may_nest,
    maps::{FREE_EVEN, FREE_ODD, PLACES_EVEN, PLACES_ODD, ROWS},
    who::Who,
};

/// The rows of a tick.
#[derive(Clone, Copy)]
pub struct Rows {
    epoch: u32,
    places: &'static HashMap<RowKey, RowPlace>,
    free: &'static Queue<Run>,
}

impl Rows {
    /// Those of the tick of a number.
    #[inline(always)]
    pub fn of(epoch: u32) -> Self {
        let (places, free) = if epoch & 1 == 0 {
            (&PLACES_EVEN, &FREE_EVEN)
        } else {
            (&PLACES_ODD, &FREE_ODD)
        };
        Self {
            epoch,
            places,
            free,
        }
    }

    /// The number of a key's row, and whether it has been taken just now. `None` if there is none left: all
    /// are taken, or the rest stands in runs of other CPUs.
    ///
    /// # Safety
    /// `totals` are those of this CPU and this hook.
    #[inline(always)]
    pub unsafe fn find(
        self,
        hook: Hook,
        key: &RowKey,
        who: &impl Who,
        mode: u32,
        totals: *mut Totals,
    ) -> Option<(u32, bool)> {
        let known = self.places.get_ptr_mut(key);
        if let Some(place) = known {
            // SAFETY: a live element, which other programs may write to in one piece.
            let place = unsafe { place.read_volatile() };
            if let Some(row) = place.row(self.epoch) {
                return Some((row, false));
            }
        }
        // SAFETY: the caller vouches for the totals.
        let number = unsafe { self.take(hook, totals) }?;
        let row = ROWS.get_ptr_mut(number)?;
        // SAFETY: an element that this program alone has taken.
        unsafe {
            (*row).key = *key;
            (*row).tgid = who.task().tgid;
            (*row).uid = who.uid();
            (*row).comm = who.comm();
            (*row).mode = mode;
            (*row).state = if known.is_some() { ROW_KNOWN } else { ROW_NEW };
        }
        let place = RowPlace::new(self.epoch, number);
        match known {
            // SAFETY: a live element: nothing is deleted during a tick.
            Some(known) => unsafe { known.write_volatile(place) },
            // Another CPU may have been faster, for an operation that ended elsewhere: then the key has
            // two rows. So it has if the table's lock was not to be had. User space reads all rows.
            None => drop(self.places.insert(key, &place, u64::from(BPF_NOEXIST))),
        }
        Some((number, true))
    }

    /// Takes a free row.
    ///
    /// # Safety
    /// As for [`Rows::find`].
    #[inline(always)]
    unsafe fn take(self, hook: Hook, totals: *mut Totals) -> Option<u32> {
        // SAFETY: the caller vouches for the totals.
        unsafe {
            let (run, taking) = (&raw mut (*totals).run, &raw mut (*totals).taking);
            if !may_nest(hook) {
                return self.next_of(run);
            }
            // In use by what this run interrupts: then it has one for itself.
            if taking.read_volatile() != 0 {
                return Some(self.run()?.next);
            }
            taking.write_volatile(1);
            let row = self.next_of(run);
            taking.write_volatile(0);
            row
        }
    }

    /// The next row of a run, or of a new one. All in the order in which it stands here: `taking` counts on
    /// it; and as what is read again is any number to the verifier, it looks at what follows once.
    ///
    /// # Safety
    /// Nobody else uses the run meanwhile.
    #[inline(always)]
    unsafe fn next_of(self, run: *mut Run) -> Option<u32> {
        // SAFETY: the caller vouches for the run.
        unsafe {
            let (next, end) = (&raw mut (*run).next, &raw mut (*run).end);
            if next.read_volatile() >= end.read_volatile() {
                let new = self.run()?;
                next.write_volatile(new.next);
                end.write_volatile(new.end);
            }
            let row = next.read_volatile();
            next.write_volatile(row + 1);
            Some(row)
        }
    }

    /// Free rows.
    #[inline(always)]
    fn run(self) -> Option<Run> {
        self.free.pop().ok().flatten()
    }
}
