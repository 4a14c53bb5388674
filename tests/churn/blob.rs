//! Pushing a blob as clients do: only if it is not there, and by one of the ways that there are.

use std::time::Duration;

use http::Method;
use tokio::time::sleep;

use crate::answer::Answer;
use crate::ask::{Trouble, ask};
use crate::cut;
use crate::image::REPOSITORIES;
use crate::layers::Blob;
use crate::pusher::{Pusher, code};
use crate::session::content_range;

impl Pusher {
    pub(crate) async fn blob(&mut self, repository: &str, blob: &Blob) -> Result<(), Trouble> {
        let path = format!("/v2/{repository}/blobs/{}", blob.digest);
        let head = self.client().request(Method::HEAD, &path);
        let answer = ask(head, &mut self.ledger).await?;
        if self.expect(answer, &[200, 404])?.status == 200 {
            self.ledger.count("blobs there already");
            return Ok(());
        }
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let start = match self.dice.below(8) {
            0..3 => {
                let from = *self.dice.one_of(&REPOSITORIES);
                format!("{uploads}?mount={}&from={from}", blob.digest)
            }
            3 => format!("{uploads}?mount={}", blob.digest),
            4 | 5 => return self.at_once(&uploads, blob).await,
            _ => uploads.clone(),
        };
        let start = self.client().post(&start);
        let answer = ask(start, &mut self.ledger).await?;
        let answer = self.expect(answer, &[201, 202])?;
        if answer.status == 201 {
            self.ledger.count("blobs mounted");
            return Ok(());
        }
        let location = answer.header("location").to_owned();
        if !self.in_chunks(location, blob).await? {
            self.ledger.count("uploads walked away from");
            return self.at_once(&uploads, blob).await;
        }
        self.ledger.count("blobs pushed in chunks");
        Ok(())
    }

    async fn at_once(&mut self, uploads: &str, blob: &Blob) -> Result<(), Trouble> {
        if self.dice.below(20) == 0 {
            let request = format!("POST {uploads}?digest={}", blob.digest);
            if cut::body(&self.client(), &request, &blob.bytes).await.is_ok() {
                self.ledger.count("bodies cut off in the middle");
            }
        }
        let post = self.client().post(&format!("{uploads}?digest={}", blob.digest));
        let answer = ask(post.bytes(blob.bytes.clone()), &mut self.ledger).await?;
        self.unless_overtaken(answer, 201)?;
        self.ledger.count("blobs pushed at once");
        Ok(())
    }

    /// With pauses; now and then it walks away in the middle, and says `false`.
    async fn in_chunks(&mut self, mut location: String, blob: &Blob) -> Result<bool, Trouble> {
        let bytes = &blob.bytes;
        let chunk = bytes.len().div_ceil(1 + self.dice.below(3));
        let mut at = 0;
        while at < bytes.len() {
            let part = bytes.slice(at..bytes.len().min(at + chunk));
            let range = content_range(at, part.len());
            if self.dice.below(40) == 0 {
                // Without a range, so that what came of it is kept and nobody knows how much.
                let cut = cut::body(&self.client(), &format!("PATCH {location}"), &part).await;
                if cut.is_ok() {
                    self.ledger.count("chunks cut off in the middle");
                }
                return Ok(false);
            }
            at += part.len();
            let patch = self.client().patch(&location).header("content-range", range);
            let answer = ask(patch.bytes(part), &mut self.ledger).await?;
            let answer = self.unless_overtaken(answer, 202)?;
            if self.dice.below(4) != 0 {
                answer.header("location").clone_into(&mut location);
            } // else it stays where it was: the upload is found from where the POST led, too
            match self.dice.below(40) {
                0 => return Ok(false),
                1..4 => sleep(Duration::from_millis(self.dice.below(2500) as u64)).await,
                _ => {}
            }
        }
        let put = self.client().put(&format!("{location}?digest={}", blob.digest));
        let answer = ask(put, &mut self.ledger).await?;
        self.unless_overtaken(answer, 201)?;
        Ok(true)
    }

    /// A collector may have given the upload up.
    fn unless_overtaken(&mut self, answer: Answer, status: u16) -> Result<Answer, Trouble> {
        let is_overtaken = match answer.status {
            404 => code(&answer) == "BLOB_UPLOAD_UNKNOWN",
            416 => true,
            _ => false,
        };
        if is_overtaken {
            self.ledger.count("races lost for an upload");
            return Err(Trouble::Race);
        }
        self.expect(answer, &[status])
    }
}
