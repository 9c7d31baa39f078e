//! Records of the ring buffer, decoded and shown in every way.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| iotrace_fuzz::check::record_and_output(data));
