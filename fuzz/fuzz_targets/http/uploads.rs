//! Sessions, and what becomes of them.

use http::{Method, Request};
use orlop::{Algorithm, Digest};
use orlop_fuzz::client::{Answer, body};

use crate::step::{Claim, Sent, algorithm, pick};
use crate::{NAMES, World};

#[derive(Debug)]
pub(super) struct Session {
    pub(super) repository: usize,
    /// Where the last answer led to.
    pub(super) location: String,
    /// Whether that is where the POST led: another upload may begin there when this one is over.
    pub(super) is_posted: bool,
    pub(super) algorithm: Algorithm,
    pub(super) bytes: Vec<u8>,
    pub(super) is_over: bool,
    /// Whether a collector may have ended it.
    pub(super) may_be_over: bool,
}

impl World {
    pub(super) async fn begin(&mut self, repository: usize, long: bool) {
        if self.sessions.len() == SESSIONS_MAX {
            return;
        }
        let (name, algorithm) = (NAMES[repository], algorithm(long));
        let path = format!("/v2/{name}/blobs/uploads/?digest-algorithm={algorithm}");
        let answer = self.ask(Method::POST, &path).await;
        assert_eq!(answer.status, 202);
        let location = answer.header("location").expect("a session").to_owned();
        let (is_posted, is_over, may_be_over, bytes) = (true, false, false, Vec::new());
        self.sessions.push(Session {
            repository,
            location,
            is_posted,
            algorithm,
            bytes,
            is_over,
            may_be_over,
        });
    }

    pub(super) fn session(&self, at: u8) -> Option<usize> {
        (!self.sessions.is_empty()).then(|| usize::from(at) % self.sessions.len())
    }

    pub(super) async fn chunk(&mut self, session: u8, sent: &Sent) {
        let Some(at) = self.session(session) else { return };
        let session = &self.sessions[at];
        let head = Request::builder().method(Method::PATCH).uri(&session.location);
        let (head, pieces, is_right) = sent.put_on(head, session.bytes.len());
        let answer = self.send(head, body(&pieces, sent.breaks_off)).await;
        let session = &mut self.sessions[at];
        match answer.status {
            202 => {
                assert!(is_right && !sent.breaks_off && session.may_go_on());
                session.bytes.extend(pieces.concat());
                session.check_range(&answer);
                // Without bytes nothing begins.
                session.is_over &= session.bytes.is_empty();
                session.is_posted &= session.bytes.is_empty();
                answer.header("location").expect("a session").clone_into(&mut session.location);
            }
            400 => assert!(!is_right || sent.breaks_off),
            404 => session.check_gone(),
            416 => {
                assert!(!is_right);
                session.check_range(&answer);
            }
            _ => panic!("{answer:?}"),
        }
    }

    pub(super) async fn status(&mut self, session: u8) {
        let Some(at) = self.session(session) else { return };
        let location = self.sessions[at].location.clone();
        let answer = self.ask(Method::GET, &location).await;
        let session = &mut self.sessions[at];
        match answer.status {
            204 => session.check_range(&answer),
            404 => session.check_gone(),
            _ => panic!("{answer:?}"),
        }
    }

    pub(super) async fn cancel(&mut self, session: u8) {
        let Some(at) = self.session(session) else { return };
        let location = self.sessions[at].location.clone();
        let answer = self.ask(Method::DELETE, &location).await;
        let session = &mut self.sessions[at];
        match answer.status {
            204 => assert!(session.may_go_on()),
            404 => session.check_gone(),
            _ => panic!("{answer:?}"),
        }
        session.end();
    }

    pub(super) async fn finish(&mut self, session: u8, sent: &Sent, claim: Claim) {
        let Some(at) = self.session(session) else { return };
        let session = &self.sessions[at];
        let repository = session.repository;
        let bytes = [&session.bytes[..], &sent.bytes()].concat();
        let digest = claim.digest(&bytes);
        let path = format!("{}?digest={digest}", session.location);
        let head = Request::builder().method(Method::PUT).uri(path);
        let (head, pieces, is_right) = sent.put_on(head, session.bytes.len());
        let answer = self.send(head, body(&pieces, sent.breaks_off)).await;
        let session = &mut self.sessions[at];
        // Nothing was ever sent there, says the server, that could have another digest.
        let has_nothing = session.is_posted && bytes.is_empty() && !claim.honest;
        match answer.status {
            // It has become this blob before, or may have: the blob is there.
            201 if session.is_over || has_nothing => {}
            201 => {
                assert!(is_right && !sent.breaks_off && claim.honest);
                session.end();
                self.know_blob(repository, digest, bytes);
            }
            400 => {
                assert!(!is_right || sent.breaks_off || !claim.honest);
                let was_hashed_anew = session.algorithm != digest.algorithm();
                session.may_be_over |= was_hashed_anew && answer.code() == "DIGEST_INVALID";
            }
            404 if has_nothing => {}
            404 => session.check_gone(),
            416 => assert!(!is_right),
            _ => panic!("{answer:?}"),
        }
    }

    pub(super) async fn whole(&mut self, repository: usize, sent: &Sent, claim: Claim) {
        let bytes = sent.bytes();
        let digest = claim.digest(&bytes);
        let path = format!("/v2/{}/blobs/uploads/?digest={digest}", NAMES[repository]);
        let head = Request::builder().method(Method::POST).uri(path);
        let answer = self.send(head, body(&sent.pieces(), sent.breaks_off)).await;
        match answer.status {
            201 => {
                assert!(claim.honest && !sent.breaks_off);
                self.know_blob(repository, digest, bytes);
            }
            400 => assert!(!claim.honest || sent.breaks_off),
            _ => panic!("{answer:?}"),
        }
    }

    pub(super) fn know_blob(&mut self, repository: usize, digest: Digest, bytes: Vec<u8>) {
        self.contents[repository].blobs.insert(digest, bytes);
        if !self.blobs.contains(&digest) {
            self.blobs.push(digest);
        }
    }

    pub(super) async fn mount(&mut self, repository: usize, blob: u8, from: Option<bool>) {
        let Some(digest) = pick(&self.blobs, blob).copied() else { return };
        let source = from.map(|from| format!("&from={}", NAMES[usize::from(from)]));
        let path = format!(
            "/v2/{}/blobs/uploads/?mount={digest}{}",
            NAMES[repository],
            source.unwrap_or_default()
        );
        let sources: Vec<usize> = from.map_or(vec![0, 1], |from| vec![from.into()]);
        let known = sources.iter().find_map(|at| self.contents[*at].blobs.get(&digest)).cloned();
        let answer = self.ask(Method::POST, &path).await;
        match (answer.status, known) {
            (201, Some(bytes)) => self.know_blob(repository, digest, bytes),
            (201, None) => {} // nobody had promised that it is gone
            (202, known) => assert!(known.is_none(), "{digest} could not be mounted"),
            _ => panic!("{answer:?}"),
        }
    }
}

impl Session {
    fn check_gone(&self) {
        assert!(self.is_over || self.may_be_over, "a session is gone");
    }

    fn end(&mut self) {
        self.is_over = true;
        if self.is_posted {
            self.bytes.clear();
        }
    }

    fn may_go_on(&self) -> bool {
        !self.is_over || self.is_posted
    }

    fn check_range(&mut self, answer: &Answer) {
        assert!(self.may_go_on());
        let last = self.bytes.len().saturating_sub(1);
        assert_eq!(answer.header("range"), Some(&*format!("0-{last}")));
    }
}

const SESSIONS_MAX: usize = 8;
