//! Arguments of `doctor`.

use std::path::PathBuf;

use clap::Args;

/// Tell what this kernel allows, what is missing, and how to get it
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Marks: `ok` it is there; `!!` it is missing; `--` it is there in part; `??` it could not be found
out; `..` to know. The last line is the verdict.

All that can be tried is tried: tiny programs, maps, and the backends themselves, which are attached
for a moment. Nothing is left behind, and nothing on the system is changed.

Exit codes: 0 `top` and `opens` will work, 69 they will not; 2 wrong usage.

Examples:
  sudo iotrace doctor
  sudo iotrace doctor --json | jq -c 'select(.state == \"missing\")'")]
pub struct DoctorArgs {
    /// Print NDJSON, one object a line
    #[arg(long)]
    pub json: bool,

    /// Read the kernel's type information from FILE
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,
}
