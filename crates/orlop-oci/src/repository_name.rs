//! The name of a repository.

use std::str::FromStr;

use crate::Invalid;
use crate::word::text_word;

/// The name of a repository (distribution-spec, "Pulling manifests").
///
/// Path components of `[a-z0-9]+`, joined inside by `.`, `_`, `__` or any number of `-`, and
/// separated by `/`; at most [`RepositoryName::BYTES_MAX`] bytes in all, which is where many
/// clients end as well. Names nest: `a` and `a/b` are two repositories that share nothing.
///
/// ```
/// use orlop_oci::RepositoryName;
///
/// assert!("library/nginx".parse::<RepositoryName>().is_ok());
/// for bad in ["", "UPPER", "a//b", "../etc", "a/", "a___b", "a%2fb", "a\0b"] {
///     assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
/// }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Box<str>);

impl RepositoryName {
    /// Longest name that is accepted, in bytes.
    pub const BYTES_MAX: usize = 255;
}

text_word!(RepositoryName);

impl FromStr for RepositoryName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: String| Err(Invalid::new("repository name", text, reason));
        if text.len() > Self::BYTES_MAX {
            let (length, max) = (text.len(), Self::BYTES_MAX);
            return refuse(format!("{length} bytes long, at most {max} are allowed"));
        }
        for component in text.split('/') {
            if let Err(reason) = check_component(component.as_bytes()) {
                return refuse(format!("component {component:?} {reason}"));
            }
        }
        Ok(Self(text.into()))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn check_component(component: &[u8]) -> Result<(), &'static str> {
    let is_alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if component.is_empty() {
        return Err("is empty");
    }
    if !component.first().is_some_and(is_alphanumeric)
        || !component.last().is_some_and(is_alphanumeric)
    {
        return Err("must begin and end with a lower-case letter or a digit");
    }
    for separator in component.split(is_alphanumeric) {
        match separator {
            b"" | b"." | b"_" | b"__" => {}
            run if run.iter().all(|byte| *byte == b'-') => {}
            _ => {
                return Err("may have only lower-case letters and digits, \
                     joined by one of \".\", \"_\", \"__\" or dashes");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_name_of_the_grammar_is_accepted(
            name in "[a-z0-9]{1,4}((\\.|_|__|-{1,4})[a-z0-9]{1,3}){0,3}(/[a-z0-9]{1,4}((\\.|_|__|-{1,4})[a-z0-9]{1,3}){0,3}){0,4}",
        ) {
            let parsed: RepositoryName = name.parse().unwrap();
            prop_assert_eq!(parsed.as_str(), name);
        }

        #[test]
        fn a_foreign_character_is_refused(
            head in "[a-z0-9]{1,4}", foreign in "[^a-z0-9._/-]", tail in "[a-z0-9]{1,4}",
        ) {
            let text = format!("{head}{foreign}{tail}");
            prop_assert!(text.parse::<RepositoryName>().is_err());
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = text.parse::<RepositoryName>();
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        let long = "a".repeat(10_000);
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "..",
            "a/../b",
            ".",
            "a/.b",
            "A",
            "a/B",
            "a..b",
            "a._b",
            "a___b",
            "a_",
            "-a",
            "a b",
            "a\0b",
            "a%2fb",
            "a\\b",
            "ä",
            long.as_str(),
        ] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(255).parse::<RepositoryName>().is_ok());
        assert!("a".repeat(256).parse::<RepositoryName>().is_err());
    }
}
