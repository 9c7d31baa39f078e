//! The system outside the tracer: `/proc` and clocks.

pub mod cgroup;
pub mod clock;
pub mod host;
pub mod privileges;
pub mod process;
