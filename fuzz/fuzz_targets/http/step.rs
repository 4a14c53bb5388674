//! What a story is made of.

use arbitrary::Arbitrary;
use http::request;
use orlop::{Algorithm, Digest};
use serde_json::{Value, json};

use crate::anything::Anything;

#[derive(Arbitrary, Debug)]
pub(super) enum Step {
    Begin { repository: bool, long: bool },
    Chunk { session: u8, sent: Sent },
    Status { session: u8 },
    Cancel { session: u8 },
    Finish { session: u8, sent: Sent, claim: Claim },
    Whole { repository: bool, sent: Sent, claim: Claim },
    Mount { repository: bool, blob: u8, from: Option<bool> },
    PutImage { repository: bool, blobs: [u8; 2], subject: Option<u8>, put: Put },
    PutIndex { repository: bool, children: [u8; 2], put: Put },
    Get { repository: bool, reference: Known, condition: Option<u8> },
    GetBlob { repository: bool, blob: u8, range: Option<(u8, Option<u8>)>, head: bool },
    Delete { repository: bool, reference: Known, condition: Option<u8> },
    DeleteBlob { repository: bool, blob: u8 },
    Tags { repository: bool, n: Option<u8>, last: Option<u8> },
    Referrers { repository: bool, subject: u8, filter: bool },
    Collect { eager: bool },
    Anything(Anything),
}

/// A chunk or a whole body.
#[derive(Arbitrary, Clone, Debug)]
pub(super) struct Sent {
    pub(super) pieces: Vec<u8>,
    pub(super) breaks_off: bool,
    /// How far from the right place it says that it begins.
    pub(super) shift: Option<i8>,
    /// What it says of its length besides.
    pub(super) length: Option<i8>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) honest: bool,
    pub(super) long: bool,
}

#[derive(Arbitrary, Clone, Debug)]
pub(super) struct Put {
    /// By tag, or by digest.
    pub(super) tag: Option<u8>,
    pub(super) tags: Vec<u8>,
    pub(super) condition: Option<u8>,
    pub(super) long: bool,
}

/// A manifest by its place in the list of all, or a tag.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Known {
    Manifest(u8),
    Tag(u8),
}

impl Sent {
    pub(super) fn pieces(&self) -> Vec<Vec<u8>> {
        let piece = |len: &u8| vec![*len; usize::from(*len)];
        self.pieces.iter().map(piece).take(PIECES_MAX).collect()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.pieces().concat()
    }

    /// Puts on what it says of itself, and tells whether that is right.
    pub(super) fn put_on(
        &self,
        mut head: request::Builder,
        offset: usize,
    ) -> (request::Builder, Vec<Vec<u8>>, bool) {
        let pieces = self.pieces();
        let len = pieces.concat().len();
        let mut is_right = true;
        if let Some(shift) = self.shift
            && let Some(first) = offset.checked_add_signed(shift.into())
            && len > 0
        {
            head = head.header("content-range", format!("{first}-{}", first + len - 1));
            is_right = shift == 0;
            if let Some(off) = self.length
                && let Some(length) = len.checked_add_signed(off.into())
            {
                head = head.header("content-length", length);
                is_right &= off == 0;
            }
        }
        (head, pieces, is_right)
    }
}

impl Claim {
    pub(super) fn digest(self, bytes: &[u8]) -> Digest {
        let other = [bytes, b"x"].concat();
        Digest::of(algorithm(self.long), if self.honest { bytes } else { &other })
    }
}

pub(super) fn condition(head: request::Builder, condition: Option<u8>) -> request::Builder {
    match condition.map(|condition| condition % CONDITIONS) {
        None => head,
        Some(0) => head.header("if-none-match", "*"),
        Some(1) => head.header("if-match", "*"),
        Some(_) => head.header("if-match", format!("\"{}\"", Digest::of(Algorithm::Sha256, b""))),
    }
}

pub(super) fn pick(from: &[Digest], at: u8) -> Option<&Digest> {
    (!from.is_empty()).then(|| &from[usize::from(at) % from.len()])
}

pub(super) fn algorithm(long: bool) -> Algorithm {
    if long { Algorithm::Sha512 } else { Algorithm::Sha256 }
}

pub(super) fn tag(at: u8) -> String {
    format!("v{}", at % TAGS)
}

pub(super) fn descriptor(digest: Digest, size: usize) -> Value {
    json!({"mediaType": "a/b", "digest": digest.to_string(), "size": size})
}

const PIECES_MAX: usize = 6;
pub(super) const TAGS: u8 = 5;
pub(super) const CONDITIONS: u8 = 3;
