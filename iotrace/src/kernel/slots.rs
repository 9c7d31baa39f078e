//! What slots held at the end of a tick, on its way to the rows.

use std::collections::HashMap;

use iotrace_common::{OpTotal, Row, RowKey, RowKind, Slot};

use crate::{decode, event::Counts};

/// Operations that are not yet in their rows: of a few at the most, for there is one slot for each
/// hook and CPU.
#[derive(Debug, Default)]
pub struct Slots(HashMap<RowKey, [OpTotal; 2]>);

impl Slots {
    /// Takes what a slot held.
    pub fn add(&mut self, slot: &Slot) {
        if slot.moved != [OpTotal::default(); 2] {
            add(self.0.entry(slot.key).or_default(), &slot.moved);
        }
    }

    /// Adds to the rows what belongs to them. What found no row, as overflow: nothing, since a slot is
    /// only taken for one that is there.
    pub fn complete(mut self, keys: &[RowKey], rows: &mut [Row]) -> Counts {
        for (key, row) in keys.iter().zip(rows) {
            if self.0.is_empty() {
                break;
            }
            if let Some(moved) = self.0.remove(key) {
                add(&mut row.moved, &moved);
            }
        }
        let mut without_row = Counts::default();
        for (key, moved) in self.0 {
            without_row += decode::counts(key.kind().unwrap_or(RowKind::Own), moved);
        }
        without_row
    }
}

fn add(to: &mut [OpTotal; 2], moved: &[OpTotal; 2]) {
    for (to, moved) in to.iter_mut().zip(moved) {
        to.ops += moved.ops;
        to.bytes += moved.bytes;
    }
}

#[cfg(test)]
mod tests {
    use iotrace_common::FileId;

    use super::*;

    fn key(tid: u32) -> RowKey {
        let file = FileId {
            ino: 131,
            dev: 1,
            generation: 7,
        };
        RowKey::new(RowKind::Own, file, tid, 1)
    }

    fn slot(tid: u32, ops: u64) -> Slot {
        Slot {
            task: 1,
            key: key(tid),
            moved: [
                OpTotal::default(),
                OpTotal {
                    ops,
                    bytes: 10 * ops,
                },
            ],
        }
    }

    #[test]
    fn a_row_gets_what_all_its_slots_held() {
        let mut slots = Slots::default();
        slots.add(&slot(1, 2));
        slots.add(&slot(2, 4));
        slots.add(&slot(1, 3));
        slots.add(&Slot::default());
        let mut rows = [Row::default(); 2];
        rows[1].moved[1] = OpTotal { ops: 1, bytes: 1 };
        let without_row = slots.complete(&[key(3), key(1)], &mut rows);
        assert_eq!(rows[0].moved, [OpTotal::default(); 2]);
        assert_eq!(rows[1].moved[1], OpTotal { ops: 6, bytes: 51 });
        assert_eq!(without_row, decode::counts(RowKind::Own, slot(2, 4).moved));
    }
}
