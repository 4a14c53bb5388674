//! The files in which the tools of AWS keep settings.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use object_store::aws::AmazonS3ConfigKey;
use orlop_backend::{Error, ErrorKind, Result};

/// The settings of one profile.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    settings: HashMap<String, String>,
}

impl Profile {
    /// The profile that `AWS_PROFILE` names, or the default one, if there is one.
    ///
    /// Fails if the named one is not there, and if it gets its credentials in a way that is not
    /// understood here: others could then be used by mistake.
    pub(crate) fn load() -> Result<Self> {
        let named = env::var("AWS_PROFILE").or_else(|_| env::var("AWS_DEFAULT_PROFILE")).ok();
        let name = named.as_deref().unwrap_or("default");
        let config = read("AWS_CONFIG_FILE", "config")?;
        let credentials = read("AWS_SHARED_CREDENTIALS_FILE", "credentials")?;
        // In one of the files only the default profile's section goes by its bare name.
        let heading = if name == "default" { name.into() } else { format!("profile {name}") };
        let sections = [section(&config, &heading), section(&credentials, name)];
        if named.is_some() && sections.iter().all(Option::is_none) {
            let message = format!("AWS_PROFILE names {name:?}, and no file has such a profile");
            return Err(Error::new(ErrorKind::Misuse, message));
        }
        let settings: HashMap<_, _> = sections.into_iter().flatten().flatten().collect();
        let profile = Self { settings };
        let has_keys = env::var_os("AWS_ACCESS_KEY_ID").is_some()
            || profile.settings.contains_key("aws_access_key_id");
        let foreign = FOREIGN.iter().find(|key| profile.settings.contains_key(**key));
        match foreign {
            Some(key) if named.is_some() && !has_keys => {
                let message = format!(
                    "profile {name:?} gets its credentials by {key}: put them into the \
                     environment, as `aws configure export-credentials --format env` does"
                );
                Err(Error::new(ErrorKind::Misuse, message))
            }
            _ => Ok(profile),
        }
    }

    pub(crate) fn settings(&self) -> impl Iterator<Item = (AmazonS3ConfigKey, &str)> {
        let known = KNOWN.into_iter();
        known.filter_map(|(name, key)| Some((key, self.settings.get(name)?.as_str())))
    }
}

/// The text of a file that a variable names, or that lies in the home directory.
fn read(variable: &str, name: &str) -> Result<String> {
    let path = match env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => match env::home_dir() {
            Some(home) => home.join(".aws").join(name),
            None => return Ok(String::new()),
        },
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => {
            let message = format!("cannot read {}", path.display());
            Err(Error::new(ErrorKind::Misuse, message).with_source(error))
        }
    }
}

/// The settings under a heading; those nested below a setting are not among them.
fn section(text: &str, heading: &str) -> Option<HashMap<String, String>> {
    let is_heading = |line: &&str| line.starts_with('[');
    let mut lines = text.lines().skip_while(|line| {
        let inner = line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        inner.map(|inner| inner.split_whitespace().collect::<Vec<_>>().join(" ")).as_deref()
            != Some(heading)
    });
    lines.next()?;
    let lines = lines.take_while(|line| !is_heading(line));
    let settings = lines.filter(|line| !line.starts_with([' ', '\t', '#', ';']));
    let settings = settings.filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(settings.collect())
}

const KNOWN: [(&str, AmazonS3ConfigKey); 5] = [
    ("aws_access_key_id", AmazonS3ConfigKey::AccessKeyId),
    ("aws_secret_access_key", AmazonS3ConfigKey::SecretAccessKey),
    ("aws_session_token", AmazonS3ConfigKey::Token),
    ("region", AmazonS3ConfigKey::Region),
    ("endpoint_url", AmazonS3ConfigKey::Endpoint),
];

/// Ways to credentials that need a program, a browser or another service.
const FOREIGN: [&str; 5] =
    ["credential_process", "role_arn", "sso_session", "sso_start_url", "credential_source"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let text = "
            # by hand\n[default]\nregion = eu-central-1\n\n[profile  other]\nregion=us-east-1\n\
            s3 =\n  endpoint_url = nested\nendpoint_url = http://127.0.0.1:9000\n[third]\nregion = x\n";
        let default = section(text, "default").unwrap();
        assert_eq!(default.len(), 1);
        assert_eq!(default["region"], "eu-central-1");
        let other = section(text, "profile other").unwrap();
        assert_eq!(other["region"], "us-east-1");
        assert_eq!(other["endpoint_url"], "http://127.0.0.1:9000");
        assert!(section(text, "fourth").is_none());
    }
}
