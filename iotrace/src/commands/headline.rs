//! The begin of the line above a table.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};

use crate::event::{Load, Time};

/// `12:00:01 loadavg: 0.42 0.30 0.25 1/134 971 iowait: 3.1%`, in local time; all of it is ASCII.
pub fn machine(time: Time, load: Option<&Load>) -> String {
    let time = Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or_default();
    let time = time.to_zoned(TimeZone::system());
    let mut line = time.strftime("%H:%M:%S").to_string();
    // Writing to a string does not fail.
    if let Some(load) = load {
        let _ = write!(line, " loadavg: {}", load.average.escape_default());
        if let Some(iowait) = load.iowait {
            let _ = write!(line, " iowait: {:.1}%", iowait * 100.0);
        }
    }
    line
}
