//! A disk in memory that keeps apart what was synced and what was not.
//!
//! A [`SimDisk`] is a machine's file system as one process sees it. [`SimDisk::process`] is the
//! same for another process, which sees at once what the first one does; [`SimDisk::power_cut`] is
//! what the machine finds afterwards. A process dies at any of its changes ([`Life`]): then no
//! call of its does anything any more, and its locks are free.

mod cut;
mod file;
mod locks;
mod machine;
mod node;
mod sync;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::SystemTime;

use orlop_backend::{Clock, SystemClock};
use orlop_fs::disk::{DirEntries, DirEntry, Disk, DiskFile, DiskLocks, Metadata};

pub use self::cut::Unsynced;
use self::file::SimFile;
use self::locks::{Handle, SimLocks};
pub use self::machine::Trouble;
use self::machine::{Machine, Renamed, State};
use self::node::{Dir, File, Ino, Node};
use self::sync::Outcome;
pub use self::sync::{LeftOut, Synced};
use crate::life::{Life, Step};

/// A machine's disk, as one of its processes sees it.
#[derive(Clone, Debug)]
pub struct SimDisk {
    machine: Arc<Machine>,
    life: Arc<Life>,
    process: u64,
    clock: Arc<dyn Clock>,
    /// Whether the process is stopped rather than dead once its life is over: it keeps its locks.
    keeps_locks: Arc<AtomicBool>,
}

impl SimDisk {
    /// An empty disk, and the first process.
    pub fn new() -> Self {
        Self::on(Arc::new(Machine::new(State::empty())), Arc::new(Life::default()))
    }

    fn on(machine: Arc<Machine>, life: Arc<Life>) -> Self {
        let process = {
            let mut state = machine.state();
            state.processes += 1;
            state.processes
        };
        let clock = Arc::new(SystemClock);
        Self { machine, life, process, clock, keeps_locks: Arc::default() }
    }

    /// The same disk as another process sees it, whose life this is.
    #[must_use]
    pub fn process(&self, life: Arc<Life>) -> Self {
        Self { clock: self.clock.clone(), ..Self::on(self.machine.clone(), life) }
    }

    /// The same disk, whose files are dated by this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Kills the process: nothing that it still tries does anything, and its locks are free.
    pub fn kill(&self) {
        let mut state = self.machine.state();
        self.life.end();
        self.bury(&mut state);
    }

    /// From now on, an end of this process's life is only a stop, and its locks stay.
    pub fn keep_locks(&self) {
        self.keeps_locks.store(true, Ordering::Relaxed);
    }

    /// Whether its life is over, and it still holds its locks.
    fn is_stopped(&self) -> bool {
        self.keeps_locks.load(Ordering::Relaxed) && self.life.is_over()
    }

    /// Changes what is wrong with the disk, for all processes.
    pub fn trouble(&self, change: impl FnOnce(&mut Trouble)) {
        change(&mut self.machine.state().trouble);
    }

    /// Leaves syncs out from now on.
    pub fn leave_out(&self, left_out: LeftOut) {
        self.machine.state().left_out = left_out;
    }

    /// Every sync since the machine came up.
    pub fn synced(&self) -> Vec<Synced> {
        self.machine.state().synced.clone()
    }

    /// Every path that there is, in order.
    pub fn paths(&self) -> Vec<String> {
        self.machine.state().paths().into_keys().collect()
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The machine, if this process lives.
    fn running(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.machine.state();
        if self.life.is_over() { Err(dead()) } else { Ok(state) }
    }

    fn step(&self, state: &mut State, what: &str, path: &Path, parts: usize) -> Step {
        let what = format!("{what} {}", path.display());
        self.lived(state, self.life.change(what, parts, false))
    }

    /// A change that happens wholly or not at all.
    fn whole(&self, state: &mut State, what: &str, path: &Path) -> io::Result<()> {
        if self.step(state, what, path, 0) == Step::Whole { Ok(()) } else { Err(dead()) }
    }

    fn sync_step(&self, state: &mut State, path: &Path) -> io::Result<()> {
        let step = self.life.change(format!("sync {}", path.display()), 0, true);
        if self.lived(state, step) == Step::Whole { Ok(()) } else { Err(dead()) }
    }

    fn lived(&self, state: &mut State, step: Step) -> Step {
        if step != Step::Whole {
            self.bury(state);
        }
        step
    }

    fn bury(&self, state: &mut State) {
        if !self.is_stopped() {
            state.locks.release_all(self.process);
        }
        self.machine.unlocked.notify_all();
    }

    fn handle(&self, state: &mut State) -> Handle {
        state.handles += 1;
        Handle { process: self.process, number: state.handles }
    }

    fn file(&self, handle: Handle, ino: Ino, path: &Path, is_writable: bool) -> Box<dyn DiskFile> {
        let (disk, path) = (self.clone(), path.to_owned());
        Box::new(SimFile { disk, ino, handle, path, is_writable })
    }

    fn open_file(&self, path: &Path, is_writable: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.running()?;
        let ino = state.find(path)?;
        state.file(ino)?;
        if is_writable {
            state.check_writable()?;
        }
        let handle = self.handle(&mut state);
        Ok(self.file(handle, ino, path, is_writable))
    }

    fn add(&self, state: &mut State, what: &str, path: &Path, node: Node) -> io::Result<Ino> {
        let (dir, name) = state.place(path)?;
        if state.dir(dir)?.live.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.check_writable()?;
        self.whole(state, what, path)?;
        state.add(path, node)
    }
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.running()?;
        let ino = self.add(&mut state, "create", path, Node::File(File::new(self.now())))?;
        let handle = self.handle(&mut state);
        Ok(self.file(handle, ino, path, true))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open_file(path, true)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open_file(path, false)
    }

    fn open_cached(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open_read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.running()?;
        state.check_writable()?;
        let ino = state.find(from)?;
        let ((from_dir, old), (to_dir, new)) = (state.place(from)?, state.place(to)?);
        self.whole(&mut state, "rename to", to)?;
        state.rename(vec![
            Renamed { dir: from_dir, name: old.to_owned(), ino: None },
            Renamed { dir: to_dir, name: new.to_owned(), ino: Some(ino) },
        ]);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.running()?;
        state.check_writable()?;
        let ino = state.find(path)?;
        state.file(ino)?;
        self.whole(&mut state, "remove", path)?;
        let (dir, name) = state.place(path)?;
        state.rename(vec![Renamed { dir, name: name.to_owned(), ino: None }]);
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.running()?;
        self.add(&mut state, "make directory", path, Node::Dir(Dir::default())).map(drop)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.running()?;
        state.check_writable()?;
        if !state.dir(state.find(path)?)?.live.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.whole(&mut state, "remove directory", path)?;
        let (dir, name) = state.place(path)?;
        state.rename(vec![Renamed { dir, name: name.to_owned(), ino: None }]);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.running()?;
        let dir = state.find(path)?;
        state.dir(dir)?;
        self.sync_step(&mut state, path)?;
        match state.note_sync(path, dir) {
            Outcome::LeftOut => Ok(()),
            Outcome::Failed => Err(broken()),
            Outcome::Done => {
                state.sync_names(dir);
                Ok(())
            }
        }
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.running()?;
        state.find(path)?;
        self.sync_step(&mut state, Path::new("everything"))?;
        match state.note_sync_of_all() {
            Outcome::LeftOut => Ok(()),
            Outcome::Failed => {
                state.fail_syncs();
                Err(broken())
            }
            Outcome::Done => {
                state.sync_all();
                Ok(())
            }
        }
    }

    fn read_dir(&self, path: &Path) -> io::Result<DirEntries> {
        let state = self.running()?;
        let dir = state.dir(state.find(path)?)?;
        let entry = |(name, ino): (&String, &Ino)| {
            let is_dir = matches!(state.nodes[*ino], Node::Dir(_));
            Ok(DirEntry { name: name.clone(), is_dir })
        };
        let entries: Vec<_> = dir.live.iter().rev().map(entry).collect(); // in any order
        Ok(Box::new(entries.into_iter()))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.running()?;
        Ok(match &state.nodes[state.find(path)?] {
            Node::File(file) => Metadata { len: file.live.len() as u64, modified: file.modified },
            Node::Dir(_) => Metadata { len: 0, modified: SystemTime::UNIX_EPOCH },
        })
    }

    fn open_locks(&self, dir: &Path) -> io::Result<Box<dyn DiskLocks>> {
        let mut state = self.running()?;
        state.check_writable()?; // they lie in files
        let (disk, dir) = (self.clone(), state.find(dir)?);
        let handle = self.handle(&mut state);
        Ok(Box::new(SimLocks { disk, dir, handle }))
    }
}

/// What a dead process is told. Nobody hears it.
fn dead() -> io::Error {
    io::Error::other("the process is dead")
}

fn broken() -> io::Error {
    io::Error::other("the simulated disk is broken")
}

#[cfg(test)]
mod tests;
