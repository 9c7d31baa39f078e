//! Writes constants into the instructions of the programs (`iotrace_common::Constants`).

use iotrace_common::{CAST_HELPER, Constant, Constants};

/// `BPF_LD | BPF_IMM | BPF_DW`: an instruction of two slots, which loads a number of 64 bits.
const LOAD_NUMBER: u8 = 0x18;
/// `BPF_JMP | BPF_JA`, to the next instruction.
const NEXT: Slot = [0x05, 0, 0, 0, 0, 0, 0, 0];
/// `BPF_JMP | BPF_CALL` of the helper that stands for `bpf_rdonly_cast`.
const CAST: Slot = {
    let [first, second, third, fourth] = CAST_HELPER.to_le_bytes();
    [0x85, 0, 0, 0, first, second, third, fourth]
};
/// In the place of the source register: the number is the type id of a function of the kernel
/// (include/uapi/linux/bpf.h).
const PSEUDO_KFUNC_CALL: u8 = 2;
/// Code, registers (source, destination), offset (2), number (4).
type Slot = [u8; 8];

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
    let (slots, _): (&mut [Slot], _) = patched.as_chunks_mut();
    for at in 1..slots.len() {
        let [low, high, rest @ ..] = &mut slots[at - 1..] else {
            break;
        };
        if *low == CAST {
            low[1] = PSEUDO_KFUNC_CALL << 4;
            low[4..].copy_from_slice(&constants.settings.cast.to_le_bytes());
        }
        let Some(constant) = wanted(low, high) else {
            continue;
        };
        let value = &values[constant.offset..constant.offset + 4];
        low[4..].copy_from_slice(value);
        high[4..].copy_from_slice(&[0; 4]);
        if let [add, load, ..] = rest
            && constant.folds
            && let [first, second, 0, 0] = *value
            && let Ok(offset) = i16::try_from(u16::from_le_bytes([first, second]))
            && let Some(offset) = offset.checked_add(i16::from_le_bytes([load[2], load[3]]))
        {
            fold([low, high, add, load], offset);
        }
    }
    patched
}

/// Makes one load of a number, an addition of the base and a load from there. The verifier takes out
/// jumps to the next instruction (`opt_remove_nops`, 5.0).
fn fold([low, high, add, load]: [&mut Slot; 4], offset: i16) {
    let base = add[1] & 0xf0;
    load[1] = load[1] & 0x0f | base;
    load[2..4].copy_from_slice(&offset.to_le_bytes());
    for slot in [low, high, add] {
        *slot = NEXT;
    }
}

/// What an instruction has a placeholder for.
fn wanted(low: &Slot, high: &Slot) -> Option<Constant> {
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
                wake_bytes: 0x0102_0304,
                tgid: 3920,
                ..Settings::default()
            },
            layout: Layout::UNKNOWN,
        }
    }

    #[test]
    fn numbers_are_put_in() {
        let wake = Constant {
            offset: offset_of!(Constants, settings.wake_bytes),
            folds: false,
        };
        let tgid = Constant {
            offset: offset_of!(Constants, settings.tgid),
            folds: false,
        };
        let absent = Constant {
            offset: offset_of!(Constants, layout.file_mnt),
            folds: false,
        };
        let mut object = load(wake.placeholder());
        object.extend(load(tgid.placeholder()));
        object.extend(load(absent.placeholder()));
        let mut expected = load(0x0102_0304);
        expected.extend(load(3920));
        expected.extend(load(u64::from(u32::MAX)));
        assert_eq!(with_constants(&object, &constants()), expected);
    }

    #[test]
    fn an_addition_and_a_load_are_folded() {
        let mut object = load(
            Constant {
                offset: offset_of!(Constants, settings.tgid),
                folds: true,
            }
            .placeholder(),
        );
        // r3 += r6; r3 = *(u64 *)(r3 + 0)
        object.extend([0x0f, 0x63, 0, 0, 0, 0, 0, 0, 0x79, 0x33, 0, 0, 0, 0, 0, 0]);
        // r3 = *(u64 *)(r6 + 3920)
        let mut expected = [NEXT; 3].concat();
        expected.extend([0x79, 0x63, 0x50, 0x0f, 0, 0, 0, 0]);
        assert_eq!(with_constants(&object, &constants()), expected);
    }

    #[test]
    fn what_is_loaded_beyond_is_folded_as_far_as_there_is_room() {
        let constant = Constant {
            offset: offset_of!(Constants, settings.tgid),
            folds: true,
        };
        let mut object = load(constant.placeholder());
        // r3 += r6; r3 = *(u64 *)(r3 + 24)
        object.extend([0x0f, 0x63, 0, 0, 0, 0, 0, 0]);
        object.extend([0x79, 0x33, 24, 0, 0, 0, 0, 0]);
        let folded = with_constants(&object, &constants());
        assert_eq!(folded[24..], [0x79, 0x63, 0x68, 0x0f, 0, 0, 0, 0]);
        // 3920 and this are more than an instruction can hold.
        object[26..28].copy_from_slice(&30_000i16.to_le_bytes());
        let left = with_constants(&object, &constants());
        assert_eq!((&left[..8], &left[16..]), (&load(3920)[..8], &object[16..]));
    }

    #[test]
    fn casts_become_calls_of_the_kernels_function() {
        let mut constants = constants();
        constants.settings.cast = 0x0001_86a0;
        let call = with_constants(&[CAST, NEXT].concat(), &constants);
        assert_eq!(call[..8], [0x85, 0x20, 0, 0, 0xa0, 0x86, 1, 0]);
        let casts = |object: &[u8]| {
            let (slots, _): (&[Slot], _) = object.as_chunks();
            slots.iter().filter(|slot| **slot == CAST).count()
        };
        let [plain, loops, with_casts] = object::ALL.map(casts);
        assert!(plain == 0 && loops == 0 && with_casts > 100, "{with_casts}");
    }

    /// What [`fold`] relies on.
    #[test]
    fn what_is_to_be_folded_is_of_that_form() {
        let mut found = 0;
        for object in object::ALL {
            let (slots, _): (&[Slot], _) = object.as_chunks();
            for window in slots.windows(4) {
                let [low, high, add, load] = window else {
                    continue;
                };
                if wanted(low, high).is_some_and(|constant| constant.folds) {
                    found += 1;
                    let number = low[1] & 0x0f;
                    assert_eq!((add[0], add[1] & 0x0f), (0x0f, number));
                    assert!(matches!(load[0], 0x79 | 0x61 | 0x69), "{load:?}");
                    assert_eq!(load[1], number << 4 | number);
                    assert_eq!(load[4..], [0; 4]);
                }
            }
        }
        assert!(found > 0);
    }

    #[test]
    fn nothing_else_is_touched() {
        let wake = Constant {
            offset: 0,
            folds: false,
        };
        let wake = wake.placeholder();
        let mut of_a_map = load(wake);
        of_a_map[1] |= 1 << 4;
        let mut other = load(wake);
        other[0] = 0xb7;
        let beyond = Constant {
            offset: size_of::<Constants>(),
            folds: false,
        };
        let beyond = load(beyond.placeholder());
        for object in [of_a_map, other, beyond, load(1), vec![LOAD_NUMBER; 13]] {
            assert_eq!(with_constants(&object, &constants()), object);
        }
    }

    #[test]
    fn no_placeholder_is_left_in_the_objects() {
        for object in object::ALL {
            let patched = with_constants(object, &constants());
            assert_ne!(patched, object);
            let mark = iotrace_common::WANTED.to_le_bytes();
            let left = patched.chunks_exact(4).filter(|word| *word == mark);
            assert_eq!(left.count(), 0);
        }
    }
}
