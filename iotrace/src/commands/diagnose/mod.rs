//! `diagnose`: who does the I/O, and why.

pub mod catalogue;
mod program;
