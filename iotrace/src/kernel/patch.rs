//! Writes constants into the instructions of the programs (`iotrace_common::Constants`).

use iotrace_common::{Constant, Constants};

/// `BPF_LD | BPF_IMM | BPF_DW`: an instruction of two slots, which loads a number of 64 bits.
const LOAD_NUMBER: u8 = 0x18;
/// Bytes of a slot: code, registers, offset (2), number (4).
const SLOT: usize = 8;

/// The object with the constants in the place of their placeholders.
///
/// Instructions are aligned in the file as in memory. Other bytes could only be taken for one if they
/// held the code, zeros and the mark where they stand in an instruction.
pub fn with_constants(object: &[u8], constants: &Constants) -> Vec<u8> {
    // SAFETY: integers without padding (`iotrace_common::constants`), which live as long as the
    // reference.
    let values = unsafe {
        std::slice::from_raw_parts(
            std::ptr::from_ref(constants).cast::<u8>(),
            size_of::<Constants>(),
        )
    };
    let mut patched = object.to_vec();
    let (slots, _) = patched.as_chunks_mut::<SLOT>();
    for at in 1..slots.len() {
        if let [low, high] = &mut slots[at - 1..=at]
            && let Some(constant) = wanted(low, high)
        {
            let mut value = [0; 8];
            let bytes = &values[constant.offset..constant.offset + constant.size];
            value[..constant.size].copy_from_slice(bytes);
            low[4..].copy_from_slice(&value[..4]);
            high[4..].copy_from_slice(&value[4..]);
        }
    }
    patched
}

/// What an instruction has a placeholder for.
fn wanted(low: &[u8; SLOT], high: &[u8; SLOT]) -> Option<Constant> {
    let [LOAD_NUMBER, registers, 0, 0, number @ ..] = low else {
        return None;
    };
    let [0, 0, 0, 0, upper @ ..] = high else {
        return None;
    };
    // The upper half names what a relocation means: a map, for example.
    if registers >> 4 != 0 {
        return None;
    }
    let number = u64::from(u32::from_le_bytes(*number));
    Constant::of(u64::from(u32::from_le_bytes(*upper)) << 32 | number)
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use iotrace_common::{Layout, Settings};

    use super::*;
    use crate::kernel::object;

    fn load(number: u64) -> Vec<u8> {
        let mut bytes = vec![LOAD_NUMBER, 3, 0, 0];
        bytes.extend((number as u32).to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(((number >> 32) as u32).to_le_bytes());
        bytes
    }

    fn constants() -> Constants {
        Constants {
            settings: Settings {
                wake_bytes: 0x0102_0304_0506_0708,
                tgid: 3920,
                ..Settings::default()
            },
            layout: Layout::UNKNOWN,
        }
    }

    #[test]
    fn numbers_of_both_sizes_are_put_in() {
        let wake = Constant {
            offset: offset_of!(Constants, settings.wake_bytes),
            size: 8,
        };
        let tgid = Constant {
            offset: offset_of!(Constants, settings.tgid),
            size: 4,
        };
        let absent = Constant {
            offset: offset_of!(Constants, layout.file_mnt),
            size: 4,
        };
        let mut object = load(wake.placeholder());
        object.extend(load(tgid.placeholder()));
        object.extend(load(absent.placeholder()));
        let mut expected = load(0x0102_0304_0506_0708);
        expected.extend(load(3920));
        expected.extend(load(u64::from(u32::MAX)));
        assert_eq!(with_constants(&object, &constants()), expected);
    }

    #[test]
    fn nothing_else_is_touched() {
        let wake = Constant { offset: 0, size: 8 }.placeholder();
        let mut of_a_map = load(wake);
        of_a_map[1] |= 1 << 4;
        let mut other = load(wake);
        other[0] = 0xb7;
        let beyond = Constant {
            offset: size_of::<Constants>(),
            size: 4,
        };
        let beyond = load(beyond.placeholder());
        for object in [of_a_map, other, beyond, load(1), vec![LOAD_NUMBER; 13]] {
            assert_eq!(with_constants(&object, &constants()), object);
        }
    }

    #[test]
    fn no_placeholder_is_left_in_the_objects() {
        for object in [object::PLAIN, object::LOOPS] {
            let patched = with_constants(object, &constants());
            assert_ne!(patched, object);
            let mark = iotrace_common::WANTED.to_le_bytes();
            let left = patched.chunks_exact(4).filter(|word| *word == mark);
            assert_eq!(left.count(), 0);
        }
    }
}
