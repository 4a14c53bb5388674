//! An upload session, as a client sees it.

use bytes::Bytes;

use crate::answer::Answer;
use crate::client::Client;

/// A session by its location.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    client: Client,
    pub(crate) location: String,
}

impl Client {
    pub(crate) async fn begin(&self, repository: &str) -> Session {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let answer = self.post(&path).send().await.expect(202);
        self.session(&answer)
    }

    /// Begins with these bytes, and goes where the answer to them leads.
    pub(crate) async fn begin_with(&self, repository: &str, bytes: impl Into<Bytes>) -> Session {
        let begun = self.begin(repository).await;
        let session = self.session(&begun.chunk(0, bytes).await.expect(202));
        assert_ne!(session.location, begun.location);
        session
    }

    /// The session that an answer tells of.
    pub(crate) fn session(&self, answer: &Answer) -> Session {
        self.session_at(answer.header("location"))
    }

    pub(crate) fn session_at(&self, location: &str) -> Session {
        Session { client: self.clone(), location: location.to_owned() }
    }
}

impl Session {
    /// Sends a chunk that says where it belongs.
    pub(crate) async fn chunk(&self, first: usize, bytes: impl Into<Bytes>) -> Answer {
        let bytes = bytes.into();
        let request = self.client.patch(&self.location);
        let request = request.header("content-range", content_range(first, bytes.len()));
        request.bytes(bytes).send().await
    }

    /// Sends a chunk that says this of itself.
    pub(crate) async fn chunk_as(&self, content_range: &str, bytes: impl Into<Bytes>) -> Answer {
        let request = self.client.patch(&self.location);
        let request = request.header("content-range", content_range);
        request.bytes(bytes).send().await
    }

    /// Sends pieces as a stream that says nothing of itself.
    pub(crate) async fn stream(&self, pieces: Vec<Bytes>) -> Answer {
        self.client.patch(&self.location).pieces(pieces).send().await
    }

    pub(crate) async fn finish(&self, digest: &str) -> Answer {
        self.client.put(&self.closing(digest)).send().await
    }

    /// Ends the session with a last chunk.
    pub(crate) async fn finish_with(
        &self,
        digest: &str,
        first: usize,
        bytes: impl Into<Bytes>,
    ) -> Answer {
        let bytes = bytes.into();
        let request = self.client.put(&self.closing(digest));
        let request = request.header("content-range", content_range(first, bytes.len()));
        request.bytes(bytes).send().await
    }

    pub(crate) fn closing(&self, digest: &str) -> String {
        let separator = if self.location.contains('?') { '&' } else { '?' };
        format!("{}{separator}digest={digest}", self.location)
    }

    pub(crate) async fn status(&self) -> Answer {
        self.client.get(&self.location).await
    }

    /// How far the server says it is.
    pub(crate) async fn offset(&self) -> usize {
        offset(&self.status().await.expect(204))
    }

    pub(crate) async fn cancel(&self) -> Answer {
        self.client.delete(&self.location).await
    }
}

/// How far an answer says that an upload is. No test stops after the first byte, which the spec
/// cannot tell from nothing.
#[track_caller]
pub(crate) fn offset(answer: &Answer) -> usize {
    let range = answer.header("range");
    let last = range.strip_prefix("0-").and_then(|last| last.parse().ok());
    match last.unwrap_or_else(|| panic!("strange range {range:?}")) {
        0 => 0,
        last => last + 1,
    }
}

pub(crate) fn content_range(first: usize, len: usize) -> String {
    format!("{first}-{}", first + len - 1)
}
