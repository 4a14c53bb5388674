use proptest::prelude::*;

use super::*;
use crate::Role;

const BLOB: &str = r#"{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":2,
    "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}"#;

fn parse(text: &str, declared: Option<&str>) -> Result<Manifest, Invalid> {
    let declared = declared.map(|media_type| media_type.parse().unwrap());
    Manifest::parse(text.to_owned().into(), declared.as_ref(), Algorithm::Sha256)
}

#[test]
fn every_edge_comes_with_its_role() {
    let foreign = BLOB.replace("image.layer.v1", "image.layer.nondistributable.v1");
    let text = format!(
        r#"{{"schemaVersion":2,"config":{BLOB},"layers":[{BLOB},{foreign}],"subject":{BLOB}}}"#
    );
    let roles: Vec<Role> = parse(&text, None).unwrap().edges().map(|edge| edge.role).collect();
    let expected = [Role::Config, Role::Layer, Role::NondistributableLayer, Role::Subject];
    assert_eq!(roles, expected);

    let text = format!(r#"{{"schemaVersion":2,"manifests":[{BLOB},{BLOB}]}}"#);
    let roles: Vec<Role> = parse(&text, None).unwrap().edges().map(|edge| edge.role).collect();
    assert_eq!(roles, [Role::Child, Role::Child]);
}

#[test]
fn a_retired_artifact_manifest_has_its_blobs_as_layers() {
    let media_type = "application/vnd.oci.artifact.manifest.v1+json";
    let text = format!(r#"{{"mediaType":"{media_type}","blobs":[{BLOB}],"artifactType":"a/b"}}"#);
    let manifest = parse(&text, Some(media_type)).unwrap();
    assert_eq!(manifest.edges().count(), 1);
    assert_eq!(manifest.descriptor().artifact_type.unwrap().as_str(), "a/b");
}

#[test]
fn the_artifact_type_falls_back_to_the_config() {
    let text = format!(r#"{{"schemaVersion":2,"config":{BLOB},"layers":[]}}"#);
    let artifact_type = parse(&text, None).unwrap().descriptor().artifact_type.unwrap();
    assert_eq!(artifact_type.as_str(), "application/vnd.oci.image.layer.v1.tar");
    let index = parse(r#"{"schemaVersion":2,"manifests":[]}"#, None).unwrap();
    assert_eq!(index.descriptor().artifact_type, None);
}

#[test]
fn an_unknown_type_is_kept_and_its_references_are_seen() {
    let manifest = parse("just bytes", Some("text/plain")).unwrap();
    assert_eq!(manifest.bytes().as_ref(), b"just bytes");
    assert_eq!(manifest.edges().count(), 0);
    let manifest = parse(&format!(r#"{{"layers":[{BLOB}]}}"#), Some("a/b")).unwrap();
    assert_eq!(manifest.edges().count(), 1);
}

#[test]
fn confusing_or_broken_manifests_are_refused() {
    let deep = format!(r#"{{"schemaVersion":2,"manifests":[],"x":{}}}"#, "[".repeat(100_000));
    let both = format!(r#"{{"manifests":[],"layers":[{BLOB}],"config":{BLOB}}}"#);
    let negative = format!(r#"{{"manifests":[{}]}}"#, BLOB.replace(":2,", ":-2,"));
    for (text, declared, reason) in [
        ("", Some(MediaType::OCI_MANIFEST), "EOF"),
        ("{", None, "EOF"),
        ("{}", None, "its shape tells none"),
        ("{}", Some(MediaType::OCI_MANIFEST), "needs the fields"),
        ("{}", Some(MediaType::OCI_INDEX), "needs the field"),
        (r#"{"mediaType":"a/b"}"#, Some("a/c"), "pushed as a/c, but it says a/b"),
        (r#"{"schemaVersion":1}"#, None, "schema version 1"),
        (r#"{"manifests":[{"digest":"x"}]}"#, None, "digest"),
        (&deep, None, "JSON nested 100001 deep, at most 64"),
        (&both, None, "an index and an image at once"),
        (&negative, None, "invalid value"),
    ] {
        let error = parse(text, declared).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn brackets_in_strings_do_not_nest() {
    assert_eq!(nesting(br#"{"a":"[[[\"[[[","b":[]}"#), 2);
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
        let _ = Manifest::parse(bytes.into(), None, Algorithm::Sha256);
    }

    #[test]
    fn bytes_and_digest_are_those_pushed(annotation in "[a-z]{0,20}", blanks in " {0,9}") {
        let text = format!(
            r#"{{{blanks}"schemaVersion":2,"manifests":[],"annotations":{{"a":"{annotation}"}}}}"#
        );
        let manifest = parse(&text, None).unwrap();
        prop_assert_eq!(manifest.bytes().as_ref(), text.as_bytes());
        prop_assert_eq!(manifest.digest(), &Digest::of(Algorithm::Sha256, text.as_bytes()));
        prop_assert_eq!(&manifest.descriptor().annotations["a"], &annotation);
    }
}
