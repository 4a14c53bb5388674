//! What crashes leave in a bucket, and `orlop gc`, which takes it away.

use futures::TryStreamExt;
use orlop::Environment;
use orlop::backend::{ExtentEntry, ExtentState, Prefix};
use orlop::object_store::ObjectStoreOptions;

use crate::bucket;
use crate::command;
use crate::content::noise;
use crate::half_request::HalfRequest;
use crate::large::MIB;
use crate::server::Server;
use crate::session::Session;

async fn open(store: &str) -> Environment {
    let store = orlop::object_store::open(store, &ObjectStoreOptions::default()).await;
    store.expect("a store")
}

/// What lies in the bucket as extents, sealed or not.
async fn extents(store: &str) -> Vec<ExtentEntry> {
    open(store).await.extents.walk().try_collect().await.expect("a list")
}

fn count_open(extents: &[ExtentEntry]) -> usize {
    extents.iter().filter(|extent| extent.state == ExtentState::Open).count()
}

/// Collects, and makes sure of how the command sums up what it did.
fn gc(store: &str, idle: &str, sum: &str) {
    let output = command::gc(store).args(["--upload-idle", idle]).output().expect("the command");
    let words = [output.stdout, output.stderr].map(|words| String::from_utf8(words).expect("text"));
    let [said, complained] = words;
    assert!(output.status.success(), "{} {complained}", output.status);
    assert!(said.starts_with(sum), "{said}");
}

fn uploads() -> Prefix {
    Prefix::new(["u"]).expect("a prefix")
}

/// Takes away the session of an upload and nothing else, as if a writer had begun with the bytes
/// when the session was just gone.
async fn forget(store: &str, session: &Session) {
    let id = session.location.rsplit('/').next().expect("a path");
    let store = open(store).await;
    let sessions: Vec<_> = store.records.walk(&uploads()).try_collect().await.expect("a list");
    // What was begun where a POST led has a name that begins with the same characters.
    let begun = sessions.into_iter().find(|session| session.key.name().starts_with(&id[..12]));
    store.records.clear(&[begun.expect("a session").key]).await.expect("a record less");
}

#[tokio::test]
async fn what_crashes_left_is_collected_and_blobs_stay() {
    let Some(store) = bucket::place() else { return };
    let (mut one, other) = (Server::start(&store), Server::start(&store));
    let blob = noise(1, 10 * MIB);
    let digest = one.client.push_blob("app", blob.clone()).await;

    // A session that nobody goes on with, with parts and what fills none.
    let abandoned = one.client.begin_with("app", noise(2, 11 * MIB)).await;
    // Two that have parts and do not know of them; sockets hold only some megabytes of the body.
    let (killed, orphaned) = (one.client.begin("app").await, one.client.begin("app").await);
    let body = noise(3, 40 * MIB);
    let mut halves = Vec::new();
    for session in [&killed, &orphaned] {
        let head = format!("PATCH {} HTTP/1.1\r\n", session.location);
        halves.push(HalfRequest::send(&one.client, &head, 100 * MIB, &body).await);
    }
    one.signal("-9");
    one.wait();
    drop(halves);
    forget(&store, &orphaned).await;
    let found = extents(&store).await;
    assert_eq!((found.len(), count_open(&found)), (4, 3), "{found:?}");

    // What has no session is nobody's; with a session it may be gone on with for an hour.
    gc(
        &store,
        "1h",
        "deleted 0 blobs of 0 B, 0 untagged manifests, 0 uploads, 1 leftovers of uploads",
    );
    let found = extents(&store).await;
    assert_eq!((found.len(), count_open(&found)), (3, 2), "{found:?}");
    gc(
        &store,
        "0s",
        "deleted 0 blobs of 0 B, 0 untagged manifests, 2 uploads, 0 leftovers of uploads",
    );
    let found = extents(&store).await;
    assert_eq!((found.len(), count_open(&found)), (1, 0), "{found:?}");
    let at = |session: &Session| other.client.session_at(&session.location);
    at(&abandoned).status().await.refused(404, "BLOB_UPLOAD_UNKNOWN", &["app"]);
    for nothing_left in [&killed, &orphaned] {
        assert_eq!(at(nothing_left).offset().await, 0);
    }
    assert!(other.client.get_blob("app", &digest).await.expect(200).body == blob);
}
