//! How much, and how long, a server bears with its clients.

use std::time::Duration;

/// How much, and how long, a server bears with its clients. What passes a limit is refused or cut
/// off; what was acknowledged before stays, and an upload can go on over another connection.
///
/// ```
/// use std::time::Duration;
///
/// use orlop_registry::Limits;
///
/// let limits = Limits { idle_time_max: Duration::from_secs(10), ..Limits::default() };
/// assert_eq!(limits.connections_max, 4096);
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // options are built with `..Default::default()`
pub struct Limits {
    /// Connections at the same time. Others wait until one of them ends, and are not looked at
    /// before. Each takes a file descriptor, and up to three more while it moves a blob.
    pub connections_max: usize,
    /// Requests at the same time on one connection of HTTP/2.
    pub streams_max: u32,
    /// How long a connection may be without a request, and how long the head of one may take to
    /// come in.
    pub head_time_max: Duration,
    /// How long a client may send nothing in the middle of a body (it is answered 408), or take
    /// nothing of an answer (it is cut off).
    pub idle_time_max: Duration,
    /// How fast a client must be, over anything that takes longer than `idle_time_max`, in bytes
    /// per second, both when it sends a body and when it takes an answer.
    pub bytes_per_second_min: u64,
    /// How long requests may go on when the server ends, and on a connection that is to be cut off.
    pub drain_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            streams_max: 100,
            head_time_max: Duration::from_secs(30),
            idle_time_max: Duration::from_mins(1),
            bytes_per_second_min: 1 << 10,
            drain_time_max: Duration::from_secs(30),
        }
    }
}
