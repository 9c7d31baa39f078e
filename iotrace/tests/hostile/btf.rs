//! Type information out of a file that `--btf` names: any file.

use std::time::{Duration, Instant};

use iotrace::kernel::btf::Btf;
use proptest::{collection::vec, prelude::*};

use super::check;

const KERNELS: [&[u8]; 3] = [
    include_bytes!("../btf/5.10.btf"),
    include_bytes!("../btf/6.12.btf"),
    include_bytes!("../btf/7.2.btf"),
];

/// Long enough for any machine, far too short for what never ends.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn every_truncation_is_refused() {
    for data in KERNELS {
        for len in 0..data.len() {
            assert!(Btf::parse(data[..len].to_vec(), ["file"]).is_err(), "{len}");
        }
        check::btf(data);
    }
}

#[test]
fn any_change_of_the_head_is_harmless() {
    for at in 0..24 {
        let mut data = KERNELS[1].to_vec();
        for _ in 0..u8::MAX {
            data[at] = data[at].wrapping_add(1);
            check::btf(&data);
        }
    }
}

proptest! {
    #[test]
    fn no_damage_is_harmful(
        which in 0..KERNELS.len(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
    ) {
        let mut data = KERNELS[which].to_vec();
        for (at, value) in damage {
            let at = at.index(data.len());
            data[at] = value;
        }
        check::btf(&data);
    }

    #[test]
    fn no_words_in_place_of_others_are_harmful(
        damage in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..30),
    ) {
        let mut data = KERNELS[1].to_vec();
        for (to, from) in damage {
            let words = data.len() / 4;
            let [to, from] = [to, from].map(|at| at.index(words) * 4);
            data.copy_within(from..from + 4, to);
        }
        check::btf(&data);
    }
}

/// BTF of these types and strings.
fn blob(types: &[u32], strings: &[u8]) -> Vec<u8> {
    let len = types.len() as u32 * 4;
    let head = [0x0001_eb9f, 24, 0, len, len, strings.len() as u32];
    let words = head.iter().chain(types).flat_map(|word| word.to_le_bytes());
    words.chain(strings.iter().copied()).collect()
}

const STRUCT: u32 = 4 << 24;

/// What a struct of so many members, each anonymous and of type `of`, looks like.
fn nest(name: u32, of: u32, members: u32, offset: u32) -> Vec<u32> {
    let head = [name, STRUCT | members, 0];
    let members = (0..members).flat_map(|_| [0, of, offset]);
    head.into_iter().chain(members).collect()
}

#[test]
fn structs_inside_of_themselves_come_to_an_end() {
    let began = Instant::now();
    check::btf(&blob(&nest(1, 1, 1000, 0), b"\0file\0"));
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn many_structs_of_one_name_come_to_an_end() {
    let began = Instant::now();
    let mut types = nest(6, 2, 60_000, 0);
    for _ in 0..100_000 {
        types.extend(nest(1, 1, 1, 0));
    }
    check::btf(&blob(&types, b"\0file\0other\0"));
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn names_without_an_end_come_to_an_end() {
    let began = Instant::now();
    let types: Vec<u32> = (0..50_000).flat_map(|_| [1, STRUCT, 0]).collect();
    check::btf(&blob(&types, &vec![b'a'; 4 << 20]));
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn offsets_beyond_all_numbers_are_none() {
    // file { { { f_inode } } }, each so far inside the other that the sum is too large.
    let far = u32::MAX - 7;
    let inner = vec![6, STRUCT | 1, 0, 6, 0, far];
    let types = [nest(1, 2, 1, far), inner].concat();
    let btf = Btf::parse(blob(&types, b"\0file\0f_inode\0"), ["file"]).expect("BTF");
    assert_eq!(btf.offset("file.f_inode"), None);
    assert_eq!(btf.offset("file.f_path.mnt"), None);
}
