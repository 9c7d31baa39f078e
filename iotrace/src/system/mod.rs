//! The system outside the tracer: `/proc`, `/sys` and clocks.

pub mod cgroup;
pub mod clock;
pub mod devices;
#[cfg(test)]
mod fixture;
pub mod host;
pub mod privileges;
pub mod process;
pub mod processes;
pub mod state;
pub mod survey;
mod text;
pub mod usage;
pub mod users;
pub mod work;
