use orlop_backend::{Checkpoint, ExtentId, RandomId};
use orlop_oci::{Algorithm, Digest, Hasher, MediaType};
use proptest::prelude::*;

use super::text::Text;
use super::*;
use crate::store::State;

fn id() -> impl Strategy<Value = RandomId> {
    any::<u128>().prop_map(RandomId::from_bits)
}

fn extent() -> impl Strategy<Value = Text<ExtentId>> {
    id().prop_map(|id| Text(id.into()))
}

fn ids() -> impl Strategy<Value = Vec<Text<RandomId>>> {
    proptest::collection::vec(id().prop_map(Text), 0..3)
}

fn digest() -> impl Strategy<Value = Digest> {
    (any::<bool>(), any::<[u8; 4]>()).prop_map(|(long, content)| {
        Digest::of(if long { Algorithm::Sha512 } else { Algorithm::Sha256 }, &content)
    })
}

fn life() -> impl Strategy<Value = Life> {
    prop_oneof![
        extent().prop_map(Life::Live),
        extent().prop_map(Life::Condemned),
        extent().prop_map(Life::Quarantined),
        Just(Life::Dead),
    ]
}

fn reads_back<T: State + PartialEq + std::fmt::Debug>(state: &T) -> Result<(), TestCaseError> {
    let encoded = state.encode().unwrap();
    prop_assert_eq!(&T::decode(encoded).unwrap(), state);
    Ok(())
}

proptest! {
    #[test]
    fn blobs_read_back(
        life in life(),
        size: u64,
        home in proptest::option::of("[a-z]{1,9}(/[a-z]{1,9})?"),
        trash in proptest::collection::vec(extent(), 0..3),
        fenced in proptest::collection::vec(extent(), 0..3),
        inline in proptest::option::of(any::<Vec<u8>>()),
    ) {
        let (home, inline) = (home.map(|home| home.parse().unwrap()), inline.map(Bytes::from));
        reads_back(&BlobState { life, size, home, trash, fenced, inline })?;
    }

    #[test]
    fn manifests_read_back(id in id(), over in id(), fenced in ids(), bytes: Vec<u8>, note: String) {
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        let mut descriptor =
            orlop_oci::Descriptor::new(MediaType::octet_stream(), digest, bytes.len() as u64);
        descriptor.annotations.insert("note".into(), note);
        let mut state = ManifestState::empty().deleted(over).pushed(id, descriptor, bytes.into());
        state.header.fenced = fenced;
        reads_back(&state)?;
        prop_assert_eq!(state.header.trash.len(), 1);
        let state = state.deleted(id);
        reads_back(&state)?;
        reads_back(&state.tidied())?;
    }

    #[test]
    fn tags_read_back(digest in digest(), manifest in id(), incarnation in id()) {
        let (manifest, incarnation) = (Text(manifest), Text(incarnation));
        reads_back(&TagState { digest, manifest, incarnation })?;
    }

    #[test]
    fn sessions_read_back_and_go_on_hashing(
        head: Vec<u8>, tail: Vec<u8>, token: Vec<u8>, digest in digest(),
    ) {
        for algorithm in Algorithm::ALL {
            let name = "a/b".parse().unwrap();
            let now = std::time::SystemTime::now();
            let mut session = Session::new(name, Stage::Sealed(digest), algorithm, now);
            let mut hasher = session.hasher().unwrap();
            hasher.update(&head);
            let at = Checkpoint { len: head.len() as u64, token: token.clone().into() };
            session.advance(&hasher, &at);
            reads_back(&session)?;
            prop_assert_eq!(session.checkpoint(), at);
            let mut resumed: Hasher = session.hasher().unwrap();
            resumed.update(&tail);
            let whole = Digest::of(algorithm, &[head.clone(), tail.clone()].concat());
            let verified = resumed.finish();
            prop_assert_eq!(verified.digest(), &whole);
        }
    }

    #[test]
    fn what_is_put_aside_reads_back(key in "[a-z]/[a-z0-9.!-]{1,40}", bytes: Vec<u8>) {
        reads_back(&Aside { header: AsideHeader { key }, bytes: bytes.into() })?;
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>) {
        let _ = Aside::decode(bytes.clone().into());
        let _ = BlobState::decode(bytes.clone().into());
        let _ = ManifestState::decode(bytes.clone().into());
        let _ = TagState::decode(bytes.clone().into());
        let _ = Session::decode(bytes.clone().into());
        let _ = Candidate::decode(bytes.into());
    }
}
