//! What a server answers, and what a test may expect of it.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Panics, with what the server said, if the status is another one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        let asked: String = self.asked.chars().take(200).collect();
        let said: String = String::from_utf8_lossy(&self.body).chars().take(600).collect();
        assert_eq!(self.status, status, "{asked}: {:?} {said}", self.headers);
        self
    }

    /// Panics if it is not this error, with a message that holds all of `words`.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str, words: &[&str]) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/json");
        let error = &answer.json()["errors"][0];
        assert_eq!(error["code"], code, "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        for word in words {
            assert!(message.contains(word), "no {word:?} in {message:?}");
        }
        answer
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.maybe_header(name)
            .unwrap_or_else(|| panic!("{} was answered without {name}", self.asked))
    }

    pub(crate) fn maybe_header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error} in {:?}", self.asked, self.body))
    }

    /// The words in an array of the body.
    #[track_caller]
    pub(crate) fn words(&self, field: &str) -> Vec<String> {
        let body = self.json();
        let list = body[field].as_array();
        let list = list.unwrap_or_else(|| panic!("no list {field:?} in {body}"));
        let words = list.iter().map(|word| word.as_str().unwrap_or_default().to_owned());
        words.collect()
    }

    /// The path behind a `Link` to the next page.
    #[track_caller]
    pub(crate) fn next_page(&self) -> Option<String> {
        let link = self.maybe_header("link")?;
        let path = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
        Some(path.unwrap_or_else(|| panic!("strange link {link:?}")).to_owned())
    }
}
