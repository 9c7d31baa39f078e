//! `cargo xtask bench`: what tracing costs, beside other tracers.
//!
//! A virtual machine whose clock ticks once per instruction measures it
//! (`iotrace-tests bench`), or with `--native` this machine; here the figures become tables and
//! plots, and are compared with the budgets.

mod agreement;
mod budgets;
mod figures;
mod native;
mod plots;
mod record;
mod svg;
mod table;

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::arch::Arch;
use crate::marked;
use crate::vm::System;
use agreement::Agreement;
use figures::Figures;
use record::{Collector, Record};

/// Where results are kept.
const FILE: &str = "docs/performance.md";
/// What `--kernel` is by default; curves are drawn for it alone.
const KERNEL: &str = "6.12";
/// Takes longer only when it hangs.
const TIMEOUT: Duration = Duration::from_secs(3600);
/// The same for the short form.
const SHORT_TIMEOUT: Duration = Duration::from_secs(600);

/// Tracers of which the short form knows nothing: there is no budget for them, and each takes its
/// time to start.
const LEFT_OUT: [&str; 4] = ["top syscall", "opens kprobe", "opens syscall", "bpftrace"];

#[derive(clap::Args)]
pub struct Args {
    /// Kernel: 5.10, 6.1, 6.12 or 7.2
    #[arg(long, default_value = KERNEL)]
    kernel: String,
    /// One round of fewer calls, without the curves and tracers that have no budget; only prints
    #[arg(long)]
    short: bool,
    /// Fail when a budget is broken; only prints, and compares with what is written down
    #[arg(long)]
    check: bool,
    /// Measure the backend `syscall` on this machine's own kernel, as root: times, memory,
    /// wake-ups
    #[arg(long, conflicts_with_all = ["kernel", "short", "check"])]
    native: bool,
}

/// Measures; the exit code is 1 when budgets are to be checked and one is broken.
pub fn run(args: &Args) -> Result<u8> {
    if args.native {
        return native::run().map(|()| 0);
    }
    let system = System::prepare(Arch::HOST, &args.kernel)?.with_peers()?;
    let records = measure(&system, args)?;
    let figures = Figures::of(&records);
    let text = table::render(&figures);
    println!("{text}");
    let command = format!("cargo xtask bench --kernel {}", args.kernel);
    if args.check && !args.short {
        let written = marked::get(FILE, &command)?;
        println!("{}", Agreement::of(&written, &text));
    } else if !args.short {
        let has_curves = plots::save(&records)?;
        let plots = if has_curves { plots::LINKS } else { "" };
        marked::put(FILE, &command, &format!("{text}{plots}"))?;
    }
    let verdicts = budgets::judge(&figures, &args.kernel);
    for verdict in &verdicts {
        println!("{verdict}");
    }
    let broken = verdicts.iter().any(budgets::Verdict::is_broken);
    Ok(u8::from(args.check && broken))
}

/// The short form with its budgets, as one step of the whole test.
pub fn check(kernel: &str) -> Result<()> {
    let args = Args {
        kernel: kernel.to_owned(),
        short: true,
        check: true,
        native: false,
    };
    if run(&args)? != 0 {
        bail!("a budget is broken");
    }
    Ok(())
}

/// What the guest measured.
fn measure(system: &System, args: &Args) -> Result<Vec<Record>> {
    let mut collector = Collector::default();
    let command = command(args);
    let timeout = if args.short { SHORT_TIMEOUT } else { TIMEOUT };
    let log = format!("console-bench-{}", args.kernel.replace('/', "-"));
    let code = system.count(&command, timeout, &log, &mut |bytes| {
        collector.push(bytes);
        std::io::stderr().flush()
    })?;
    if code != 0 {
        bail!("the measuring program failed (exit code {code})");
    }
    Ok(collector.records)
}

/// The command in the guest.
fn command(args: &Args) -> Vec<String> {
    let bench = |what| format!("iotrace-tests bench {what} --iotrace /bin/iotrace --dir /mnt");
    let calls = bench("calls");
    let script = if args.short {
        let without = LEFT_OUT
            .map(|begin| format!(" --without '{begin}'"))
            .concat();
        format!("{calls} --rounds 1 --part 2{without}")
    } else if args.check || args.kernel != KERNEL {
        calls
    } else {
        format!("{calls} && {}", bench("scale"))
    };
    ["sh", "-c", &script].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_run_draws_curves() {
        let args = |kernel: &str, short, check| Args {
            kernel: kernel.to_owned(),
            short,
            check,
            native: false,
        };
        let draws = |args| command(&args)[2].contains("bench scale");
        assert!(draws(args("6.12", false, false)));
        assert!(!draws(args("6.12", true, false)));
        assert!(!draws(args("6.12", false, true)));
        assert!(!draws(args("5.10", false, false)));
    }

    #[test]
    fn the_document_has_the_markers() -> Result<()> {
        let text = std::fs::read_to_string(crate::workspace::root().join(FILE))?;
        for command in [
            "--kernel 5.10",
            "--kernel 6.1",
            "--kernel 6.12",
            "--kernel 7.2",
            "--native",
        ] {
            let command = format!("cargo xtask bench {command}");
            assert!(marked::replace(&text, &command, "").is_some(), "{command}");
        }
        Ok(())
    }
}
