//! The system outside the tracer: `/proc`, `/sys` and clocks.

pub mod clock;
pub mod devices;
#[cfg(test)]
mod fixture;
pub mod host;
pub mod privileges;
pub mod process;
pub mod state;
mod text;
pub mod work;
