//! From a URL and the environment to a bucket.

use std::env;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{ClientConfigKey, ClientOptions};
use orlop_backend::{Error, ErrorKind, Result};
use url::Url;

use crate::bucket::Bucket;
use crate::profile::Profile;
use crate::retry;
use crate::signed::Signed;

// The builders of `object_store` have the same methods and no trait.

/// A builder with our defaults, and what the environment says over them.
macro_rules! configured {
    ($builder:expr, $key:ident, $prefix:literal) => {{
        let mut builder = $builder;
        for (key, value) in CLIENT_DEFAULTS {
            builder = builder.with_config($key::Client(key), value);
        }
        for (key, value) in variables::<$key>($prefix) {
            builder = builder.with_config(key, value);
        }
        builder
    }};
}

/// The clients of a builder: the one that repeats requests, and a bucket with both.
macro_rules! built {
    ($builder:expr, $url:expr) => {{
        let (builder, failed) = ($builder, |error| failed($url, error));
        let objects = builder.clone().with_retry(retry::repeated()).build().map_err(failed)?;
        let once = builder.with_retry(retry::once()).build().map_err(failed)?;
        let objects = Arc::new(objects);
        let bucket = Bucket::new(objects.clone()).with_once(Arc::new(once));
        (objects.clone(), bucket.with_presigner(objects))
    }};
}

/// The bucket that a URL names, configured as its store's own tools are.
pub(crate) fn bucket(url: &str) -> Result<Bucket> {
    let invalid = |reason: String| {
        Error::new(ErrorKind::Misuse, format!("{url:?} names no bucket: {reason}"))
    };
    let parsed = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(invalid("expected scheme://bucket/prefix".into()));
    }
    let bucket = match parsed.scheme() {
        "s3" | "s3a" => s3(url)?,
        "gs" => gcs(url)?,
        "az" | "azure" | "abfs" | "abfss" => azure(url)?,
        scheme => return Err(invalid(format!("expected s3, gs or az, found {scheme:?}"))),
    };
    bucket.with_prefix(parsed.path().trim_matches('/'))
}

fn s3(url: &str) -> Result<Bucket> {
    // The bytes are hashed once, by the engine; nobody needs a second hash of every part for its
    // signature.
    let unsigned = (AmazonS3ConfigKey::UnsignedPayload, "true");
    let mut builder = AmazonS3Builder::new().with_url(url).with_config(unsigned.0, unsigned.1);
    for (key, value) in Profile::load()?.settings() {
        builder = builder.with_config(key, value);
    }
    let mut builder = configured!(builder, AmazonS3ConfigKey, "AWS_");
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let endpoint = endpoint.iter().find_map(|key| builder.get_config_value(key));
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        builder = builder.with_allow_http(true); // whoever writes it down wants it
    }
    let (objects, bucket) = built!(builder, url);
    let client = CLIENT_DEFAULTS
        .into_iter()
        .chain([(ClientConfigKey::AllowHttp, "true")]) // it sends what was signed for a URL
        .map(|(key, value)| (key, value.to_owned()))
        .chain(variables("AWS_"))
        .fold(ClientOptions::new(), |client, (key, value)| client.with_config(key, value));
    let client = ReqwestConnector::default().connect(&client);
    let client = client.map_err(|error| failed(url, error))?;
    Ok(bucket.with_signed(Signed::new(objects, client)))
}

fn gcs(url: &str) -> Result<Bucket> {
    let builder = GoogleCloudStorageBuilder::new().with_url(url);
    Ok(built!(configured!(builder, GoogleConfigKey, "GOOGLE_"), url).1)
}

fn azure(url: &str) -> Result<Bucket> {
    let builder = MicrosoftAzureBuilder::new().with_url(url);
    Ok(built!(configured!(builder, AzureConfigKey, "AZURE_"), url).1)
}

/// The settings that environment variables make, for those whose name is one of a setting.
fn variables<K: std::str::FromStr>(prefix: &str) -> Vec<(K, String)> {
    let variables = env::vars().filter(|(name, _)| name.starts_with(prefix));
    let settings = variables.filter_map(|(name, value)| {
        let key = name.to_ascii_lowercase();
        // Some settings are known by their name behind the prefix only.
        let bare = key.strip_prefix(&prefix.to_ascii_lowercase())?.to_owned();
        Some((key.parse().or_else(|_| bare.parse()).ok()?, value))
    });
    settings.collect()
}

fn failed(url: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Misuse, format!("cannot use {url}")).with_source(error)
}

/// What `object_store` gives a request in all is too little for a large body, and for a server
/// that lets many writers of one key wait.
const CLIENT_DEFAULTS: [(ClientConfigKey, &str); 3] = [
    (ClientConfigKey::Timeout, "1 day"),
    (ClientConfigKey::ReadTimeout, "90 seconds"),
    (ClientConfigKey::ConnectTimeout, "5 seconds"),
];
