//! stub
use crate::event::Container;
pub struct Membership {
    pub unit: Option<String>,
    pub container: Option<Container>,
}
pub fn parse(_: &str) -> Membership {
    Membership {
        unit: None,
        container: None,
    }
}
