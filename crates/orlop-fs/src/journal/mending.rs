//! Records whose makers died while they made them, though others are alive.
//!
//! What is new is made under its name ([`crate::change`]), so a process that dies may leave a record
//! that is not whole. Its journal has what the record was to be, and is read by whoever comes to it
//! first: who reads the record, or makes a checkpoint, after which the journal does not count any
//! more. So the change is made late, as a change may be that nobody was told of.

use orlop_backend::{ErrorKind, Key, Result};

use super::checkpoint::read_over;
use super::recovery::{Journals, last_words, look};
use crate::blocking::Wait;
use crate::volume::Volume;

impl Volume {
    /// Makes a record whole that its maker died over; whether it was one of those. The caller has
    /// its lock, and has found it not whole.
    pub(crate) fn mend(&self, key: &Key) -> Result<bool> {
        let over = read_over(self)?;
        let Journals { dead, living } = look(self)?;
        let word = |journals| Ok(last_words(self, journals, over)?.0.remove(key));
        let Some((stamp, Some(content))) = word(&dead)? else {
            return Ok(false);
        };
        // Whoever has changed it since has found it, or made it, whole: a medium has damaged it.
        if word(&living)?.is_some_and(|(later, _)| later > stamp) {
            return Ok(false);
        }
        self.make_again(key, Some(&content))?;
        Ok(true)
    }
}

/// Makes whole what the dead have left that is not; the names of their journals, which need not
/// count any more once that is synced. `None` if not all of it can be read now.
pub(super) fn finish_for_the_dead(volume: &Volume) -> Result<Option<Vec<String>>> {
    let dead = look(volume)?.dead;
    let (words, _) = last_words(volume, &dead, read_over(volume)?)?;
    for (key, (_, content)) in words {
        if content.is_none_or(|content| content.is_empty()) {
            continue; // a marker is whole as soon as it is there
        }
        match volume.read_record(&key, Wait::Long) {
            Err(error) if error.kind() == ErrorKind::Corrupt => {} // damaged
            Err(error) if error.kind() == ErrorKind::Unavailable => return Ok(None),
            read => drop(read?),
        }
    }
    Ok(Some(dead))
}
