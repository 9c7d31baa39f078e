//! Type information that a user hands in.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| iotrace_fuzz::check::btf(data));
