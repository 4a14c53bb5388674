//! A client of a registry: what it asks for is checked, each time.

use std::net::SocketAddr;

use orlop::{Algorithm, Hasher};

use crate::Result;
use crate::connection::Connection;
use crate::content::{Blob, MANIFEST, Manifest};

/// A client with a connection of its own.
#[derive(Debug)]
pub(crate) struct Client {
    connection: Connection,
}

/// Something that can be pulled.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) path: String,
    pub(crate) digest: String,
    pub(crate) size: usize,
    /// All of it, if that is little.
    pub(crate) bytes: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Result<Self> {
        Ok(Self { connection: Connection::new(address)? })
    }

    /// Pushes a blob in a POST and a PUT.
    pub(crate) fn push(&mut self, blob: &Blob) -> Result<()> {
        let location = self.begin()?;
        self.end(&location, blob, blob.part(0, blob.size))
    }

    /// Pushes a blob in a POST, some `PATCH`, and a PUT without a body.
    pub(crate) fn push_chunks(&mut self, blob: &Blob, chunk: usize) -> Result<()> {
        let mut location = self.begin()?;
        for start in (0..blob.size).step_by(chunk) {
            let end = blob.size.min(start + chunk);
            let headers = format!("{OCTETS}Content-Range: {start}-{}\r\n", end - 1);
            let answer =
                self.connection.ask("PATCH", &location, &headers, blob.part(start, end))?;
            self.connection.body(&answer, |_| ())?;
            answer.expect(202, None)?;
            location = answer.location.ok_or("a PATCH got no location")?;
        }
        self.end(&location, blob, [&[], &[]])
    }

    fn begin(&mut self) -> Result<String> {
        let path = format!("{REPOSITORY}/blobs/uploads/");
        let answer = self.connection.ask("POST", &path, "", [&[], &[]])?;
        self.connection.body(&answer, |_| ())?;
        answer.expect(202, None)?;
        Ok(answer.location.ok_or("a POST got no location")?)
    }

    fn end(&mut self, location: &str, blob: &Blob, body: [&[u8]; 2]) -> Result<()> {
        let digest = blob.digest.to_string();
        let mark = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{mark}digest={digest}");
        let answer = self.connection.ask("PUT", &path, OCTETS, body)?;
        self.connection.body(&answer, |_| ())?;
        answer.expect(201, Some(&digest))
    }

    /// Pushes a manifest with a tag.
    pub(crate) fn push_manifest(&mut self, manifest: &Manifest) -> Result<()> {
        let path = manifest_path(&manifest.tag);
        let headers = format!("Content-Type: {MANIFEST}\r\n");
        let answer = self.connection.ask("PUT", &path, &headers, [&manifest.bytes, &[]])?;
        self.connection.body(&answer, |_| ())?;
        answer.expect(201, Some(&manifest.digest))
    }

    /// Pulls a target, and compares its length and, if it is small, its bytes.
    pub(crate) fn pull(&mut self, target: &Target) -> Result<()> {
        let answer = self.connection.ask("GET", &target.path, ACCEPT, [&[], &[]])?;
        let (mut at, mut is_same) = (0, true);
        self.connection.body(&answer, |piece| {
            if !target.bytes.is_empty() {
                is_same &= target.bytes.get(at..at + piece.len()) == Some(piece);
            }
            at += piece.len();
        })?;
        answer.expect(200, Some(&target.digest))?;
        if at != target.size || !is_same {
            return Err(format!("{}: other bytes came back", target.path).into());
        }
        Ok(())
    }

    /// Pulls a target and hashes it, which takes longer than what is measured.
    pub(crate) fn verify(&mut self, target: &Target) -> Result<()> {
        let answer = self.connection.ask("GET", &target.path, ACCEPT, [&[], &[]])?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        self.connection.body(&answer, |piece| hasher.update(piece))?;
        answer.expect(200, Some(&target.digest))?;
        let found = hasher.finish().digest().to_string();
        if found != target.digest {
            return Err(format!("{}: found {found}", target.path).into());
        }
        Ok(())
    }

    /// Asks whether there is a registry.
    pub(crate) fn ping(&mut self) -> Result<()> {
        let answer = self.connection.ask("GET", "/v2/", "", [&[], &[]])?;
        self.connection.body(&answer, |_| ())?;
        answer.expect(200, None)
    }

    /// Asks whether a target is there.
    pub(crate) fn head(&mut self, target: &Target) -> Result<()> {
        let answer = self.connection.ask("HEAD", &target.path, ACCEPT, [&[], &[]])?;
        answer.expect(200, Some(&target.digest))
    }
}

impl Target {
    pub(crate) fn blob(blob: Blob) -> Self {
        let (digest, size) = (blob.digest.to_string(), blob.size);
        let bytes = if blob.head.len() == size { blob.head } else { Vec::new() };
        Self { path: format!("{REPOSITORY}/blobs/{digest}"), digest, size, bytes }
    }

    pub(crate) fn manifest(manifest: Manifest) -> Self {
        let Manifest { tag, digest, bytes } = manifest;
        Self { path: manifest_path(&tag), digest, size: bytes.len(), bytes }
    }
}

fn manifest_path(tag: &str) -> String {
    format!("{REPOSITORY}/manifests/{tag}")
}

/// Everything is in one repository, as the layers of an image are.
const REPOSITORY: &str = "/v2/bench/app";

const OCTETS: &str = "Content-Type: application/octet-stream\r\n";

const ACCEPT: &str = "Accept: application/vnd.oci.image.manifest.v1+json, */*\r\n";
