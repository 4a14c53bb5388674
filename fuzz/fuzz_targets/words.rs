//! Every parser of the words, on any bytes: none panics, and what parses is shown as it was.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use orlop::{
    Algorithm, Descriptor, Digest, Manifest, MediaType, Reference, RepositoryName, Tag, UploadId,
};
use orlop_registry::StoreUrl;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        words(text);
        check_descriptor(text);
        // A bucket stays as it was written; a directory is shown as its path.
        if let Ok(store @ StoreUrl::Bucket(_)) = text.parse::<StoreUrl>() {
            assert_eq!(store.to_string(), text);
        }
    }
    let bytes = Bytes::copy_from_slice(bytes);
    let types = [MediaType::OCI_INDEX, MediaType::OCI_MANIFEST, "application/octet-stream"];
    let declared = types.iter().map(|text| text.parse().expect("a media type"));
    for declared in declared.map(Some).chain([None]) {
        for algorithm in Algorithm::ALL {
            check_manifest(&bytes, declared.as_ref(), algorithm);
        }
    }
});

fn words(text: &str) {
    let shown = [
        text.parse::<Algorithm>().map(|word| word.to_string()),
        text.parse::<Digest>().map(|word| word.to_string()),
        text.parse::<RepositoryName>().map(|word| word.to_string()),
        text.parse::<Tag>().map(|word| word.to_string()),
        text.parse::<Reference>().map(|word| word.to_string()),
        text.parse::<MediaType>().map(|word| word.to_string()),
        text.parse::<UploadId>().map(|word| word.to_string()),
    ];
    for shown in shown.into_iter().flatten() {
        assert_eq!(shown, text);
    }
    // What a path or a header is made of holds nothing that could end it.
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if let Ok(name) = text.parse::<RepositoryName>() {
        let parts = || name.as_str().split('/');
        assert!(is_plain(text) && text.len() <= RepositoryName::BYTES_MAX);
        assert!(parts().all(|part| !part.is_empty() && part != "." && part != ".."));
    }
    if text.parse::<Tag>().is_ok() {
        assert!(is_plain(text) && text.len() <= Tag::BYTES_MAX && !text.contains(['/', '\\', ':']));
        assert!(!text.starts_with('.'));
    }
}

fn check_descriptor(text: &str) {
    if let Ok(descriptor) = serde_json::from_str::<Descriptor>(text) {
        let written = serde_json::to_string(&descriptor).expect("a descriptor");
        let again: Descriptor = serde_json::from_str(&written).expect("what was written");
        assert_eq!(again, descriptor);
    }
}

fn check_manifest(bytes: &Bytes, declared: Option<&MediaType>, algorithm: Algorithm) {
    let Ok(manifest) = Manifest::parse(bytes.clone(), declared, algorithm) else {
        return;
    };
    assert_eq!(manifest.bytes(), bytes);
    assert_eq!(manifest.digest(), &Digest::of(algorithm, bytes));
    assert!(declared.is_none_or(|declared| declared == manifest.media_type()));
    assert!(manifest.edges().all(|edge| edge.target.digest != *manifest.digest()));
    let descriptor = manifest.descriptor();
    assert_eq!((descriptor.digest, descriptor.size), (*manifest.digest(), bytes.len() as u64));
}
