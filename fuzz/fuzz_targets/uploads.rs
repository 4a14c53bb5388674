//! Sequences of operations on upload sessions, with crashes, two writers and any order of them,
//! against a model: the bytes that were acknowledged.

#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use orlop::{Algorithm, Digest, Environment, Options, Registry, Upload, UploadId};

/// Two writers take turns on one session.
#[derive(Arbitrary, Debug)]
enum Step {
    Resume { writer: bool, at: Option<u16> },
    Write { writer: bool, bytes: Vec<u8> },
    Pause { writer: bool },
    Crash { writer: bool },
    Commit { writer: bool, honest: bool, long: bool },
    Cancel { writer: bool },
}

#[derive(Debug, Default)]
struct Model {
    /// What was acknowledged.
    durable: Vec<u8>,
    ended: bool,
}

/// A writer's handle, and what it has written on top of what was acknowledged when it began.
type Writer = Option<(Upload, Vec<u8>)>;

fuzz_target!(|steps: (bool, Vec<Step>)| block_on(async {
    let (announced, steps) = steps;
    let registry = Registry::open(Environment::memory(), Options::default()).await.unwrap();
    let repository = registry.repository("a".parse().unwrap());
    let algorithm = if announced { Algorithm::Sha512 } else { Algorithm::Sha256 };
    let upload = repository.begin_upload(algorithm).await.unwrap();
    let id: UploadId = upload.id();
    drop(upload);
    let mut model = Model::default();
    let mut writers: [Writer; 2] = [None, None];
    for step in steps {
        match step {
            Step::Resume { writer, at } => {
                let at = at.map(u64::from);
                let resumed = repository.resume_upload(&id, at).await;
                let fits = at.is_none_or(|at| at == model.durable.len() as u64);
                match resumed {
                    Ok(Some(upload)) => {
                        assert!(fits && !model.ended);
                        assert_eq!(upload.offset(), model.durable.len() as u64);
                        writers[usize::from(writer)] = Some((upload, model.durable.clone()));
                    }
                    Ok(None) => assert!(model.ended),
                    Err(_) => assert!(!fits),
                }
            }
            Step::Write { writer, bytes } => {
                if let Some((mut upload, mut written)) = writers[usize::from(writer)].take()
                    && upload.write(Bytes::from(bytes.clone())).await.is_ok()
                {
                    written.extend(bytes);
                    writers[usize::from(writer)] = Some((upload, written));
                }
            }
            Step::Pause { writer } => {
                if let Some((upload, written)) = writers[usize::from(writer)].take()
                    && let Ok(offset) = upload.pause().await
                {
                    // A pause without a write acknowledges what was there when it was read.
                    assert_eq!(offset, written.len() as u64);
                    if written.len() > model.durable.len() {
                        assert!(written.starts_with(&model.durable) && !model.ended);
                        model.durable = written;
                    }
                }
            }
            Step::Crash { writer } => writers[usize::from(writer)] = None,
            Step::Commit { writer, honest, long } => {
                let Some((upload, written)) = writers[usize::from(writer)].take() else {
                    continue;
                };
                let algorithm = if long { Algorithm::Sha512 } else { Algorithm::Sha256 };
                let content = if honest { written.clone() } else { [&written[..], b"x"].concat() };
                let digest = Digest::of(algorithm, &content);
                match upload.commit(&digest).await {
                    Ok(descriptor) => {
                        assert!(honest && !model.ended && written.starts_with(&model.durable));
                        assert_eq!(descriptor.size, written.len() as u64);
                        let blob = repository.blob(&digest).await.unwrap().unwrap();
                        let read = blob.read(0..u64::MAX).await.unwrap();
                        let read: Vec<Bytes> = read.try_collect().await.unwrap();
                        assert_eq!(read.concat(), written);
                        model.ended = true;
                    }
                    Err(_) => {
                        assert!(repository.blob(&digest).await.unwrap().is_none() || model.ended);
                        // A wrong digest of another algorithm ends the session.
                        model.ended |= repository.resume_upload(&id, None).await.unwrap().is_none();
                    }
                }
            }
            Step::Cancel { writer } => {
                if let Some((upload, _)) = writers[usize::from(writer)].take() {
                    model.ended |= upload.cancel().await.is_ok();
                }
            }
        }
    }
    // Whatever happened, what was acknowledged can be finished.
    if let Some(upload) = repository.resume_upload(&id, None).await.unwrap() {
        drop(writers);
        let digest = Digest::of(algorithm, &model.durable);
        assert!(!model.ended);
        upload.commit(&digest).await.unwrap();
    } else {
        assert!(model.ended);
    }
}));
