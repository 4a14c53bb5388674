//! The spans of an extent that has more than one.

use bytes::Bytes;
use orlop_backend::{Error, ErrorKind, ExtentId, Result};
use serde::{Deserialize, Serialize};

/// Which objects make up an extent, in order. An extent of one object has no index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) spans: Vec<IndexSpan>,
}

/// The first `len` bytes of an object; it may have more, that somebody added in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexSpan {
    /// Among the pieces; the first one is the extent's own object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) len: u64,
}

impl Index {
    pub(crate) fn push(&mut self, name: Option<String>, len: u64) {
        self.spans.push(IndexSpan { name, len });
    }

    pub(crate) fn extend_last(&mut self, len: u64) {
        if let Some(last) = self.spans.last_mut() {
            last.len += len;
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.spans.iter().map(|span| span.len).sum()
    }

    pub(crate) fn encode(&self) -> Result<Bytes> {
        serde_json::to_vec(self).map(Bytes::from).map_err(|error| {
            Error::new(ErrorKind::Misuse, "an index cannot be written").with_source(error)
        })
    }

    pub(crate) fn decode(id: ExtentId, bytes: &Bytes) -> Result<Self> {
        let message = || format!("the index of extent {id} is corrupt");
        let index: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::new(ErrorKind::Corrupt, message()).with_source(error))?;
        let mut lengths = index.spans.iter().map(|span| span.len);
        match lengths.try_fold(0, u64::checked_add) {
            Some(_) => Ok(index),
            None => Err(Error::new(ErrorKind::Corrupt, message() + ": it is longer than anything")),
        }
    }
}

#[cfg(test)]
mod tests {
    use orlop_backend::RandomId;

    use super::*;

    #[test]
    fn what_cannot_be_an_index_is_corrupt() {
        let id = ExtentId::from(RandomId::from_bits(1));
        for text in ["", "{}", r#"{"spans":[{"len":-1}]}"#, OVERFLOWS] {
            let error = Index::decode(id, &Bytes::copy_from_slice(text.as_bytes())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
        }
    }

    const OVERFLOWS: &str = r#"{"spans":[{"len":18446744073709551615},{"len":8}]}"#;
}
