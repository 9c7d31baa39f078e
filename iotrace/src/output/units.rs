//! Figures for people.

/// Bytes as whole KiB, rounded to the nearest.
pub fn kib(bytes: u64) -> u64 {
    bytes / 1024 + (bytes % 1024) / 512
}

/// Bytes with a unit, three digits or so: `0 B`, `1.5 KiB`, `20 MiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 999.5 would be shown as 1000.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

/// A duration with a unit, three digits or so: `0ns`, `1.5ms`, `20s`, `3.0h`.
pub fn duration(ns: u64) -> String {
    const UNITS: [(&str, u64); 6] = [
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    let fitting = UNITS.iter().rev().find(|(_, unit)| ns >= *unit);
    let Some((name, unit)) = fitting else {
        return format!("{ns}ns");
    };
    let value = ns as f64 / *unit as f64;
    if value < 9.95 {
        format!("{value:.1}{name}")
    } else {
        format!("{value:.0}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kib_rounds_to_the_nearest() {
        assert_eq!([0, 511, 512, 1024, 1535, 1536].map(kib), [0, 0, 1, 1, 1, 2]);
        assert_eq!(kib(u64::MAX), u64::MAX / 1024 + 1);
    }

    #[test]
    fn durations_have_units() {
        let shown = [
            0,
            999,
            1_500,
            20_000_000,
            59_000_000_000,
            90_000_000_000,
            u64::MAX,
        ];
        assert_eq!(
            shown.map(duration),
            ["0ns", "999ns", "1.5us", "20ms", "59s", "1.5min", "213504d"]
        );
    }

    #[test]
    fn bytes_have_units() {
        let shown = [0, 1023, 1024, 10_240, 1_048_064, 5 << 30, u64::MAX].map(bytes);
        assert_eq!(
            shown,
            [
                "0 B",
                "1023 B",
                "1.0 KiB",
                "10 KiB",
                "1.0 MiB",
                "5.0 GiB",
                "16384 PiB"
            ]
        );
    }
}
