//! How far the bytes of an extent have come: what a checkpoint's token says.

use bytes::Bytes;
use orlop_backend::{Checkpoint, Error, ErrorKind, ExtentId, Result};
use serde::{Deserialize, Serialize};

use crate::bucket::ObjectVersion;

/// Everything that is stored of an extent that is not sealed. The bytes are those of the spans,
/// then those of the pieces, then the loose ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) spans: Vec<Span>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pieces: Vec<Piece>,
    /// Objects that nothing needs any more, once this is stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) debris: Vec<String>,
    /// So few that they are kept here.
    #[serde(skip)]
    pub(crate) loose: Bytes,
}

/// An object of an extent, on its way. An extent has one, or none yet; a second one is begun when
/// the first has as many parts as it may have, and when a writer may still be adding parts to it
/// whose checkpoint was never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// Its name among the pieces; the first one lies where the extent is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The store's name for the multipart upload.
    pub(crate) upload: String,
    pub(crate) part_bytes: usize,
    /// The store's words for the parts, all of the same size.
    pub(crate) parts: Vec<String>,
    /// Who added the last part but the first ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) turn: Option<ObjectVersion>,
}

/// Bytes that do not fill a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) name: String,
    pub(crate) len: u64,
}

impl Progress {
    pub(crate) fn decode(id: ExtentId, checkpoint: &Checkpoint) -> Result<Self> {
        if *checkpoint == Checkpoint::start() {
            return Ok(Self::default());
        }
        let corrupt = |what: String| {
            let message = format!("the checkpoint of extent {id} is corrupt: {what}");
            Error::new(ErrorKind::Corrupt, message)
        };
        let token = &checkpoint.token;
        let end = token.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| corrupt("it has no first line".into()))?;
        let mut progress: Self =
            serde_json::from_slice(&token[..end]).map_err(|error| corrupt(error.to_string()))?;
        progress.loose = token.slice(end + 1..);
        if progress.spans.iter().any(|span| span.part_bytes == 0) {
            return Err(corrupt("a part has no bytes".into()));
        }
        let (expected, found) = (checkpoint.len, progress.len());
        if found != expected {
            return Err(corrupt(format!("expected {expected} bytes, its parts have {found}")));
        }
        Ok(progress)
    }

    pub(crate) fn encode(&self, id: ExtentId) -> Result<Checkpoint> {
        let mut token = serde_json::to_vec(self).map_err(|error| {
            let message = format!("the checkpoint of extent {id} cannot be written");
            Error::new(ErrorKind::Misuse, message).with_source(error)
        })?;
        token.push(b'\n');
        token.extend_from_slice(&self.loose);
        let (len, max) = (token.len(), Checkpoint::TOKEN_BYTES_MAX);
        if len > max {
            let message = format!("extent {id} has too many parts: {len} bytes of {max}");
            return Err(Error::new(ErrorKind::Full, message));
        }
        Ok(Checkpoint { len: self.len(), token: token.into() })
    }

    /// What no extent can have is `u64::MAX`, so that a corrupt checkpoint is found out.
    fn len(&self) -> u64 {
        let spans = self.spans.iter().map(Span::len).fold(0, u64::saturating_add);
        spans.saturating_add(self.pieces_len()).saturating_add(self.loose.len() as u64)
    }

    pub(crate) fn pieces_len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len).fold(0, u64::saturating_add)
    }
}

impl Span {
    pub(crate) fn len(&self) -> u64 {
        (self.parts.len() as u64).saturating_mul(self.part_bytes as u64)
    }

    /// The object by which writers of this span agree whose turn it is.
    pub(crate) fn turn_name(&self) -> String {
        format!("turn-{}", self.name.as_deref().unwrap_or("first"))
    }
}

#[cfg(test)]
mod tests {
    use orlop_backend::RandomId;

    use super::*;

    fn span(name: Option<String>, part_bytes: usize, parts: usize) -> Span {
        let parts = vec!["\"0123456789abcdef0123456789abcdef\"".to_owned(); parts];
        Span { name, upload: "u".repeat(128), part_bytes, parts, turn: None }
    }

    fn token(len: u64, line: &str) -> Checkpoint {
        Checkpoint { len, token: format!("{}\n", line.replace('\n', " ")).into() }
    }

    #[test]
    fn what_is_encoded_decodes() {
        let id = ExtentId::from(RandomId::from_bits(1));
        let progress = Progress {
            spans: vec![span(None, 100, 3), span(Some("span-x".into()), 200, 1)],
            pieces: vec![Piece { name: "p".into(), len: 30 }],
            debris: vec!["d".into()],
            loose: Bytes::from_static(b"\nloose\n"),
        };
        let checkpoint = progress.encode(id).unwrap();
        assert_eq!(checkpoint.len, 300 + 200 + 30 + 7);
        assert_eq!(Progress::decode(id, &checkpoint).unwrap(), progress);
        for broken in [
            Checkpoint { len: checkpoint.len + 1, ..checkpoint.clone() },
            Checkpoint { token: checkpoint.token.slice(1..), ..checkpoint.clone() },
            Checkpoint { token: Bytes::new(), ..checkpoint.clone() },
            token(0, r#"{"spans":[{"upload":"u","part_bytes":0,"parts":[]}]}"#),
            token(
                7,
                r#"{"pieces":[{"name":"p","len":18446744073709551615},{"name":"p","len":8}]}"#,
            ),
            token(
                4,
                r#"{"spans":[{"upload":"u","part_bytes":9223372036854775809,"parts":["",""]}],
                "pieces":[{"name":"p","len":2}]}"#,
            ),
        ] {
            let error = Progress::decode(id, &broken).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }

    /// With the default part size, five terabytes need six objects, and their parts a token that
    /// the engine takes.
    #[test]
    fn five_terabytes_fit() {
        let options = crate::ObjectStoreOptions::default();
        let spans: Vec<Span> = (0..6)
            .map(|n| {
                let name = (n > 0).then(|| format!("span-{}", "x".repeat(26)));
                span(name, options.part_bytes << n, options.parts_max)
            })
            .collect();
        let progress = Progress { spans, ..Progress::default() };
        let checkpoint = progress.encode(ExtentId::from(RandomId::from_bits(1))).unwrap();
        assert!(checkpoint.len > 5_000_000_000_000, "{}", checkpoint.len);
    }
}
