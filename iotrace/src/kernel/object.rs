//! The embedded kernel programs, built by `cargo xtask build-ebpf`.

use aya::include_bytes_aligned;

/// For every kernel.
pub static PLAIN: &[u8] = include_bytes_aligned!("../../bpf/iotrace.bpf.o");

/// The same with loops by the helper `bpf_loop`, which are verified many times faster. Kernels
/// before 5.17 refuse a program that mentions a callback, were it in a branch that is off.
pub static LOOPS: &[u8] = include_bytes_aligned!("../../bpf/iotrace-loops.bpf.o");

/// The same again, with loads from any address by `bpf_rdonly_cast` (6.2), where the others have a
/// call of a helper for each.
pub static CASTS: &[u8] = include_bytes_aligned!("../../bpf/iotrace-casts.bpf.o");

/// All builds.
#[cfg(test)]
pub static ALL: [&[u8]; 3] = [PLAIN, LOOPS, CASTS];

#[cfg(test)]
mod tests {
    use memchr::memmem;

    use super::*;

    /// The name of a function inside a function of the same name ends so (`iotrace_ebpf::hooks::end`
    /// tells why there must be none).
    #[test]
    fn no_hook_is_a_function_of_its_own() {
        for object in ALL {
            let programs = aya_obj::Object::parse(object).expect("an object").programs;
            assert!(programs.len() > 50, "{}", programs.len());
            for name in programs.keys() {
                let mangled = format!("{0}{name}{0}{name}\0", name.len());
                assert_eq!(memmem::find(object, mangled.as_bytes()), None, "{name}");
            }
            // Names are still made that way.
            assert!(memmem::find(object, b"5hooks6fentry13transfer_anew\0").is_some());
        }
    }
}
