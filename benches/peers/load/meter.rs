//! What a load cost.

use std::fmt;
use std::fs;
use std::time::Duration;

use crate::Result;

/// What all connections did together, and what it took.
#[derive(Debug)]
pub(crate) struct Costs {
    pub(crate) bytes: u64,
    /// Of each act, in no order.
    pub(crate) times: Vec<Duration>,
    pub(crate) elapsed: Duration,
    /// Of the server's processors, in steps of 10 ms.
    pub(crate) server: Duration,
    /// The same, of this process.
    pub(crate) own: Duration,
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at =
            |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        let Self { bytes, elapsed, server, own, .. } = self;
        write!(
            f,
            "{{\"ops\": {}, \"bytes\": {bytes}, \"seconds\": {}, \"p50\": {}, \"p99\": {}, \
             \"cpu\": {}, \"client_cpu\": {}}}",
            times.len(),
            elapsed.as_secs_f64(),
            at(50).as_secs_f64(),
            at(99).as_secs_f64(),
            server.as_secs_f64(),
            own.as_secs_f64(),
        )
    }
}

/// What all threads of a process have used so far, those that ended among them.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the command in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("no command in /proc/PID/stat")?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next().ok_or("too few fields in /proc/PID/stat");
    let ticks = next()?.parse::<u64>()? + next()?.parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}
