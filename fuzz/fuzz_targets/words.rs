//! Every parser of the words, on any bytes: none panics, and what parses is shown as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orlop::{Algorithm, Digest, Manifest, MediaType, Reference, RepositoryName, Tag, UploadId};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let shown = [
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
    }
    for declared in [None, Some(MediaType::oci_index()), Some(MediaType::octet_stream())] {
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        if let Ok(manifest) = Manifest::parse(bytes.clone(), declared.as_ref(), Algorithm::Sha256) {
            assert_eq!(manifest.bytes(), &bytes);
            assert_eq!(manifest.digest(), &Digest::of(Algorithm::Sha256, &bytes));
            assert!(manifest.edges().all(|edge| edge.target.digest != *manifest.digest()));
        }
    }
});
