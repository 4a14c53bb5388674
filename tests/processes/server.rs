//! A server in a process of its own.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

use bytes::Bytes;

use crate::client::Client;
use crate::command;
use crate::content::{EMPTY, OCTET_STREAM, descriptor, image};

/// A running server, which is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) client: Client,
    process: Child,
}

impl Server {
    /// Starts a server on a store, by its path or URL, and waits until it is ready.
    pub(crate) fn start(store: impl AsRef<OsStr>) -> Self {
        Self::start_as(command::serve(store, "127.0.0.1:0"))
    }

    /// Starts a server by a command that says more.
    pub(crate) fn start_as(command: Command) -> Self {
        Self::try_start_as(command).unwrap_or_else(|line| panic!("strange first line {line:?}"))
    }

    /// The same, or the first line of a server that does not start.
    pub(crate) fn try_start_as(mut command: Command) -> Result<Self, String> {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the command");
        let output = process.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line
            .strip_prefix("orlop listens on http://")
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(address, _)| address.parse().ok());
        let Some(address) = address else {
            let _ = process.kill(); // it may have ended already
            let _ = process.wait();
            return Err(line);
        };
        Ok(Self { client: Client::new(address), process })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let process = self.id().to_string();
        let mut kill = Command::new("kill");
        let status = kill.args([signal, &process]).status().expect("kill");
        assert!(status.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait().expect("the end of the process")
    }

    /// How many bytes the process has read from files so far. What it received from sockets is
    /// not in it.
    pub(crate) fn bytes_read(&self) -> u64 {
        let path = format!("/proc/{}/io", self.process.id());
        let counters = fs::read_to_string(path).expect("the counters of a running process");
        let mut lines = counters.lines();
        let read = lines.find_map(|line| line.strip_prefix("rchar: "));
        read.and_then(|read| read.parse().ok()).expect("the counter of what was read")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended already
        let _ = self.process.wait();
    }
}

impl Client {
    /// Pushes an image that has this layer.
    pub(crate) async fn push_image_of(&self, repository: &str, tag: &str, layer: Bytes) -> String {
        let mut image = image(tag);
        image["layers"] = [descriptor(OCTET_STREAM, &layer)].as_slice().into();
        self.push_blob(repository, EMPTY).await;
        self.push_blob(repository, layer).await;
        let answer = self.put_manifest(repository, tag, &image).await;
        answer.expect(201).header("docker-content-digest").to_owned()
    }
}
