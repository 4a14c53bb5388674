//! The time that processors have spent on this process.

use std::time::Duration;
use std::{fs, io};

/// What this process has used so far, in user and kernel mode, in steps of 10 ms.
pub(crate) fn cpu_time() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is the command in parentheses, and may hold anything.
    let (_, fields) =
        stat.rsplit_once(')').ok_or_else(|| io::Error::other("no command in /proc/self/stat"))?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || {
        let field = fields.next().and_then(|field| field.parse::<u64>().ok());
        field.ok_or_else(|| io::Error::other("too few numbers in /proc/self/stat"))
    };
    let ticks = next()? + next()?;
    Ok(Duration::from_millis(ticks * 10))
}
