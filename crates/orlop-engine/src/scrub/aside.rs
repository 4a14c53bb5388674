//! Records that cannot be read: their bytes are put aside, and something readable in their place.

use orlop_backend::{Key, Record, Removal, Swap, Version};
use orlop_oci::{Algorithm, Digest};

use super::remedy::Outcome;
use super::{Remedy, Scrubber};
use crate::layout::Place;
use crate::state::{
    Aside, AsideHeader, BlobState, Link, ManifestState, RepositoryState, TagState, Text,
};
use crate::store::State;
use crate::{ErrorKind, Result, layout};

impl Scrubber<'_> {
    /// Does what the options say about a record that cannot be read.
    ///
    /// **It is replaced and not removed.** Somebody may sleep before a swap that expects that there
    /// is no record, because there was none when he looked: an upload whose extent was fenced and
    /// deleted since, a push whose incarnation was. The fence is lost with the record. So what
    /// comes in its place has a fence too, of nobody, and stays: that swap fails. Only a tag has
    /// no fences; who sets one late looks at its manifest after that.
    ///
    /// Links and repositories say everything by their keys, and are as they were then. Sessions,
    /// candidates and notes stay as they are: nobody can pull anything by them, and as long as a
    /// session is there, nobody takes its extent for an orphan.
    pub(super) async fn remedy_record(&self, place: &Place, key: &Key) -> Result<Outcome> {
        if !self.acts() {
            return Ok((None, String::new()));
        }
        let fence = || Ok::<_, crate::Error>(Text(self.store().random_id()?));
        match place {
            Place::Link(_) => {
                let link = Link { is_leaving: false };
                Ok(outcome(self.replace(key, &link).await?.map(|_| Remedy::Repaired)))
            }
            Place::Repository(_) => {
                let repository = RepositoryState {};
                Ok(outcome(self.replace(key, &repository).await?.map(|_| Remedy::Repaired)))
            }
            Place::Blob(digest) => {
                let source = self.options.source.as_ref();
                let is_there = match source {
                    Some(source) => source.blob(digest).await.is_ok_and(|bytes| bytes.is_some()),
                    None => false,
                };
                if !is_there && !self.options.quarantine {
                    return Ok((None, "; not repaired: the source does not have it".into()));
                }
                let mut dead = BlobState::dead();
                dead.fenced.push(Text(fence()?.0.into()));
                if self.set_aside(key, &dead).await?.is_none() {
                    return Ok(outcome(None));
                }
                if !is_there {
                    return Ok(outcome(Some(Remedy::Quarantined)));
                }
                let tried = self.restore_blob(digest).await;
                self.tried(tried, Some(Remedy::Quarantined)).await
            }
            Place::Manifest(name, digest) => {
                let found = match self.in_source(name, digest).await {
                    Ok(manifest) => Some(manifest),
                    Err(_) if self.options.quarantine => None,
                    Err(reason) => return Ok((None, format!("; not repaired: {reason}"))),
                };
                let mut empty = ManifestState::empty();
                empty.header.fenced.push(fence()?);
                if self.set_aside(key, &empty).await?.is_none() {
                    return Ok(outcome(None));
                }
                match found {
                    Some(manifest) => {
                        let tried = self.put_back(name, &manifest).await;
                        self.tried(tried, Some(Remedy::Quarantined)).await
                    }
                    None => Ok(outcome(Some(Remedy::Quarantined))),
                }
            }
            Place::Tag(..) if self.options.quarantine => {
                // On a manifest that never was, so that it is not there, and then it goes.
                let digest = Digest::of(Algorithm::Sha256, b"");
                let nowhere = TagState { digest, manifest: fence()?, incarnation: fence()? };
                let Some(version) = self.set_aside(key, &nowhere).await? else {
                    return Ok(outcome(None));
                };
                match self.store().remove(key, &version).await? {
                    Removal::Removed | Removal::Conflict => {} // it was set again already
                }
                Ok(outcome(Some(Remedy::Quarantined)))
            }
            _ => Ok((None, String::new())),
        }
    }

    /// Keeps the bytes of a record, and stores something in its place; `None` if it can be read by
    /// now, or is too large to be kept. The bytes come first: a crash in between leaves them twice.
    async fn set_aside<T: State>(&self, key: &Key, instead: &T) -> Result<Option<Version>> {
        let Some(bytes) = self.store().environment.records.raw(key).await? else {
            return Ok(None);
        };
        let header = AsideHeader { key: key.to_string() };
        if bytes.len() + key.as_str().len() > Record::VALUE_BYTES_MAX - HEADER_BYTES_MAX {
            return Ok(None);
        }
        let aside = layout::aside(key, &bytes)?;
        match self.store().swap(&aside, None, &Aside { header, bytes }).await? {
            Swap::Stored(_) | Swap::Conflict => {} // the same bytes were kept before
        }
        self.replace(key, instead).await
    }

    /// Stores something in place of a record that cannot be read; `None` if it can be.
    async fn replace<T: State>(&self, key: &Key, instead: &T) -> Result<Option<Version>> {
        let Some(bytes) = self.store().environment.records.raw(key).await? else {
            return Ok(None);
        };
        // After the bytes: if they are still there when they are replaced, it is they that cannot
        // be read.
        match self.store().get::<T>(key).await {
            Err(error) if error.kind() == ErrorKind::Corrupt => {}
            Ok(_) => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(match self.store().swap_raw(key, &bytes, instead).await? {
            Swap::Stored(version) => Some(version),
            Swap::Conflict => None,
        })
    }
}

fn outcome(remedy: Option<Remedy>) -> Outcome {
    let said = if remedy.is_none() { "; it could not be put aside" } else { "" };
    (remedy, said.to_owned())
}

/// What stands around the key in front of bytes that are kept.
const HEADER_BYTES_MAX: usize = 64;
