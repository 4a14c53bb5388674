//! Ranges: which part of a blob a client wants, and which part a chunk is.

use std::ops::Range;

use orlop::Invalid;

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: no range, or one of a form that may be ignored (RFC 9110, section 14.2).
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that there are not.
    Nothing,
}

impl Wanted {
    /// Reads a `Range` header for something of `size` bytes (RFC 9110, section 14.1.2).
    pub(crate) fn parse(header: Option<&str>, size: u64) -> Self {
        let Some(spec) = header.and_then(|header| header.strip_prefix("bytes=")) else {
            return Self::All;
        };
        let Some((first, last)) = spec.split_once('-') else {
            return Self::All;
        };
        let range = match (number(first), number(last)) {
            (Some(first), Some(last)) => first..last.saturating_add(1).min(size),
            (Some(first), None) if last.is_empty() => first..size,
            (None, Some(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
            _ => return Self::All, // several ranges, or none of this grammar
        };
        if range.is_empty() { Self::Nothing } else { Self::Part(range) }
    }
}

/// Reads the `Content-Range` of a chunk, `<first>-<last>`, both inclusive (distribution-spec,
/// "Pushing a blob in chunks").
pub(crate) fn parse_chunk(header: &str) -> Result<Range<u64>, Invalid> {
    let parts = header.split_once('-').and_then(|(first, last)| {
        let (first, last) = (number(first)?, number(last)?);
        Some(first..last.checked_add(1)?)
    });
    match parts {
        Some(range) if range.start < range.end => Ok(range),
        Some(_) => Err(Invalid::new("content range", header, "it ends before it begins")),
        None => Err(Invalid::new("content range", header, "expected \"<first>-<last>\"")),
    }
}

fn number(text: &str) -> Option<u64> {
    // `parse` would take a plus sign as well.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (header, wanted) in [
            (None, Wanted::All),
            (Some("bytes=500-1499"), Wanted::Part(500..1500)),
            (Some("bytes=500-"), Wanted::Part(500..2048)),
            (Some("bytes=-500"), Wanted::Part(1548..2048)),
            (Some("bytes=-5000"), Wanted::Part(0..2048)),
            (Some("bytes=2000-5000"), Wanted::Part(2000..2048)),
            (Some("bytes=0-18446744073709551615"), Wanted::Part(0..2048)),
            (Some("bytes=500-0"), Wanted::Nothing),
            (Some("bytes=2048-"), Wanted::Nothing),
            (Some("bytes=-0"), Wanted::Nothing),
            (Some("bytes=5000-10000"), Wanted::Nothing),
            (Some("bytes=-"), Wanted::All),
            (Some("bytes=0-1,5-6"), Wanted::All),
            (Some("bytes=+1-2"), Wanted::All),
            (Some("lines=1-2"), Wanted::All),
        ] {
            assert_eq!(Wanted::parse(header, 2048), wanted, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_within(header in "bytes=[0-9]{0,21}-[0-9]{0,21}", size: u64) {
            if let Wanted::Part(range) = Wanted::parse(Some(&header), size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }

        #[test]
        fn chunks_read_back(first in 0..u64::MAX, length in 1..1000u64) {
            if let Some(last) = first.checked_add(length - 1).filter(|last| *last < u64::MAX) {
                let range = parse_chunk(&format!("{first}-{last}")).unwrap();
                prop_assert_eq!(range, first..last + 1);
            }
        }

        #[test]
        fn no_text_makes_them_panic(text: String, size: u64) {
            let _ = Wanted::parse(Some(&text), size);
            let _ = Wanted::parse(Some(&format!("bytes={text}")), size);
            let _ = parse_chunk(&text);
        }
    }
}
