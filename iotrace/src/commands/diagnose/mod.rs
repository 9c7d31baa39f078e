//! `diagnose`: who does the I/O, and why.

pub mod catalogue;
pub mod guest;
mod program;
