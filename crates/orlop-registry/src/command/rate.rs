//! Amounts of bytes as people write them, and a pace that keeps to one.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Bytes in a second: `100MiB`, `5MB`, `1024`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(NonZeroU64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()));
        let bytes = number
            .parse::<u64>()
            .ok()
            .zip(unit)
            .and_then(|(number, (_, unit))| number.checked_mul(*unit))
            .and_then(NonZeroU64::new);
        let refuse = || format!("{text:?} is no amount of bytes, expected one like 100MiB");
        bytes.map(Self).ok_or_else(refuse)
    }
}

/// Keeps to a rate from its beginning on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BytePace {
    rate: Option<Rate>,
    started: Instant,
}

impl BytePace {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self { rate, started: Instant::now() }
    }

    /// Waits until so many bytes may have been read since the beginning.
    pub(crate) async fn keep(&self, bytes: u64) {
        if let Some(Rate(rate)) = self.rate {
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.get());
            let due = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            tokio::time::sleep_until((self.started + due).into()).await;
        }
    }
}

const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("B", 1),
    ("KB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        for (text, bytes) in [
            ("1", 1),
            ("1024", 1024),
            ("7b", 7),
            ("5MB", 5_000_000),
            ("100MiB", 100 << 20),
            ("100mib", 100 << 20),
            ("2 GiB", 2 << 30),
        ] {
            assert_eq!(text.parse(), Ok(Rate(NonZeroU64::new(bytes).unwrap())), "{text}");
        }
        for text in ["", "0", "0MiB", "MiB", "-1", "1.5MiB", "3 apples", "99999999999999TiB"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
