//! Where a list begins.

/// A text of characters that may stand in a segment, such that no segment lies behind it and not
/// behind `after`. So a list can begin anywhere without passing over what comes before, and no
/// store is asked about characters that it would escape.
pub(crate) fn at_or_before(after: &str) -> String {
    let is_allowed = |c: &char| c.is_ascii() && SEGMENT_CHARACTERS.contains(&(*c as u8));
    let mut bound: String = after.chars().take_while(is_allowed).take(SEGMENT_BYTES_MAX).collect();
    let foreign = after[bound.len()..].chars().next();
    let below = foreign.and_then(|foreign| {
        SEGMENT_CHARACTERS.iter().rev().find(|allowed| char::from(**allowed) < foreign)
    });
    if let Some(below) = below {
        bound.push(char::from(*below));
        // Behind everything that begins like this.
        bound.extend(std::iter::repeat_n('z', SEGMENT_BYTES_MAX.saturating_sub(bound.len())));
    }
    bound
}

/// What a segment is made of, in ascending order.
const SEGMENT_CHARACTERS: &[u8] =
    b"!-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

const SEGMENT_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_may_stand_in_a_segment_is_its_own_bound() {
        assert_eq!(at_or_before(""), "");
        assert_eq!(at_or_before("v1.2-rc_3!"), "v1.2-rc_3!");
        assert!(at_or_before("sha256-ab~").starts_with("sha256-abzzz"));
        assert_eq!(at_or_before("a b"), "a");
    }

    proptest! {
        #[test]
        fn nothing_lies_between(after in "[!-z]{0,4}[ -~é]{0,2}[!-z]{0,2}", name in "[!.0-9A-Z_a-z-]{1,6}") {
            let bound = at_or_before(&after);
            prop_assert!(bound <= after);
            prop_assert!(name <= bound || name > after, "{name:?} lies between");
            prop_assert!(bound.bytes().all(|b| SEGMENT_CHARACTERS.contains(&b)));
        }
    }
}
