//! Hostile input: names that anyone can choose, records and type information that
//! are damaged. What must be true of all is in `check.rs`, which `cargo fuzz` runs
//! for longer (CONTRIBUTING.md).

mod arguments;
mod btf;
mod check;
mod names;
mod object;
mod records;
mod render;
mod system;
mod wire;
