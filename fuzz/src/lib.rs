//! The checks of `iotrace/tests/hostile`, where they also run as tests, shortly.

#[path = "../../iotrace/tests/hostile/check.rs"]
pub mod check;
#[path = "../../iotrace/tests/hostile/object.rs"]
mod object;
#[path = "../../iotrace/tests/hostile/render.rs"]
mod render;
