//! Any checkpoint in place of one that a bucket gave: its claim is an error or a writer, nobody
//! panics or hangs, and no other extent is touched.

#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use futures::TryStreamExt;
use libfuzzer_sys::fuzz_target;
use orlop::backend::{Checkpoint, Claim, ExtentId, Extents, RandomId, Result};
use orlop_fuzz::place::{Kind, Place};

#[derive(Arbitrary, Debug)]
struct Story<'b> {
    kind: Kind,
    /// How much is written before each checkpoint.
    writes: Vec<u8>,
    change: Change<'b>,
    then: u8,
}

#[derive(Arbitrary, Debug)]
enum Change<'b> {
    Len(u64),
    Token(u64, &'b [u8]),
    Edit { at: u16, removed: u8, put: &'b [u8] },
    None,
}

fuzz_target!(|story: Story| orlop_fuzz::run(async {
    let place = Place::new(match story.kind {
        Kind::Memory => Kind::Bucket { part: 9, parts: 2, loose: 3 },
        kind => kind,
    });
    let extents = place.open().await.extents;
    let (id, other) = (RandomId::from_bits(1).into(), RandomId::from_bits(2).into());
    let true_one = write(&*extents, other, &[100, 7, 50]).await.expect("a checkpoint");
    seal(&*extents, other, &true_one, b"").await.expect("a seal");

    let writes: Vec<usize> = story.writes.iter().take(6).copied().map(usize::from).collect();
    let true_one = write(&*extents, id, &writes).await.expect("a checkpoint");
    let changed = story.change.of(&true_one);
    let more = vec![7; story.then.into()];
    let is_right = changed == true_one;
    match seal(&*extents, id, &changed, &more).await {
        Ok(()) => {
            let read = read(&*extents, id).await;
            let len = usize::try_from(true_one.len).expect("small") + more.len();
            assert!(
                !is_right || read.is_ok_and(|read| read == Some(bytes(0, len - more.len(), &more)))
            );
        }
        Err(error) => assert!(!is_right, "{error}"),
    }
    let _ = extents.abandon(id, &changed).await; // it may be one that nobody can read
    let left = read(&*extents, other).await.expect("the other one");
    assert_eq!(left, Some(bytes(0, 157, b"")));
}));

impl Change<'_> {
    fn of(&self, true_one: &Checkpoint) -> Checkpoint {
        let Checkpoint { len, token } = true_one.clone();
        match self {
            Change::Len(len) => Checkpoint { len: *len, token },
            Change::Token(len, token) => Checkpoint { len: *len, token: token.to_vec().into() },
            Change::Edit { at, removed, put } => {
                let mut token = token.to_vec();
                let at = usize::from(*at) % (token.len() + 1);
                let end = token.len().min(at + usize::from(*removed));
                token.splice(at..end, put.iter().copied());
                Checkpoint { len, token: token.into() }
            }
            Change::None => true_one.clone(),
        }
    }
}

async fn claim(
    extents: &dyn Extents,
    id: ExtentId,
    from: &Checkpoint,
) -> Result<Box<dyn orlop::backend::Appender>> {
    match extents.claim(id, from).await? {
        Claim::Granted(appender) => Ok(appender),
        Claim::Busy => panic!("nobody else is here"),
    }
}

async fn write(extents: &dyn Extents, id: ExtentId, writes: &[usize]) -> Result<Checkpoint> {
    let mut checkpoint = Checkpoint::start();
    for count in writes {
        let mut appender = claim(extents, id, &checkpoint).await?;
        let from = usize::try_from(checkpoint.len).expect("small");
        appender.write(bytes(from, *count, b"").into()).await?;
        checkpoint = appender.checkpoint().await?;
    }
    Ok(checkpoint)
}

async fn seal(extents: &dyn Extents, id: ExtentId, from: &Checkpoint, more: &[u8]) -> Result<()> {
    let mut appender = claim(extents, id, from).await?;
    appender.write(Bytes::copy_from_slice(more)).await?;
    let checkpoint = appender.checkpoint().await?;
    drop(appender);
    claim(extents, id, &checkpoint).await?.seal().await
}

async fn read(extents: &dyn Extents, id: ExtentId) -> Result<Option<Vec<u8>>> {
    match extents.read(id, 0..u64::MAX).await? {
        None => Ok(None),
        Some(read) => Ok(Some(read.try_collect::<Vec<Bytes>>().await?.concat())),
    }
}

/// The bytes that are written at a place, and others behind them.
fn bytes(from: usize, count: usize, more: &[u8]) -> Vec<u8> {
    let written = (from..from + count).map(|at| at.to_le_bytes()[0]);
    written.chain(more.iter().copied()).collect()
}
