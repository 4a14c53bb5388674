use std::path::Path;
use std::sync::Arc;

use orlop_fs::disk::LockMode;

use super::*;
use crate::dice::Dice;

const FILE: &str = "/file";

fn disk() -> SimDisk {
    let disk = SimDisk::new();
    let file = disk.create(Path::new(FILE)).unwrap();
    file.write_all_at(b"old", 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

fn read(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
    let file = disk.open_read(Path::new(path)).ok()?;
    let mut bytes = vec![0; 100];
    let len = file.read_at(&mut bytes, 0).unwrap();
    bytes.truncate(len);
    Some(bytes)
}

#[test]
fn a_name_and_its_contents_are_two_things() {
    let disk = disk();
    let new = disk.create(Path::new("/new")).unwrap();
    new.write_all_at(b"new", 0).unwrap();
    disk.rename(Path::new("/new"), Path::new(FILE)).unwrap();
    assert_eq!(read(&disk, FILE).unwrap(), b"new");
    assert_eq!(read(&disk.power_cut(Unsynced::Lost), FILE).unwrap(), b"old");
    assert_eq!(read(&disk.power_cut(Unsynced::Kept), FILE).unwrap(), b"new");
    disk.sync_dir(Path::new("/")).unwrap();
    assert_eq!(read(&disk.power_cut(Unsynced::Lost), FILE).unwrap(), b"");
    new.sync().unwrap();
    assert_eq!(read(&disk.power_cut(Unsynced::Lost), FILE).unwrap(), b"new");
}

#[test]
fn a_file_that_is_renamed_is_never_without_a_name() {
    let disk = disk();
    for dir in ["/one", "/two"] {
        disk.create_dir(Path::new(dir)).unwrap();
    }
    disk.sync_dir(Path::new("/")).unwrap();
    disk.rename(Path::new(FILE), Path::new("/one/file")).unwrap();
    disk.rename(Path::new("/one/file"), Path::new("/two/file")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let found = disk.power_cut(Unsynced::Chance(&Dice::new(seed)));
        let names: Vec<_> =
            found.paths().into_iter().filter(|path| path.ends_with("file")).collect();
        assert!(!names.is_empty(), "seed {seed}");
        seen.insert(names);
    }
    // Also the second change without the first one, and so both names.
    assert!(seen.len() > 2, "{seen:?}");
}

#[test]
fn a_full_disk_takes_what_it_has_room_for() {
    let disk = disk();
    disk.trouble(|trouble| trouble.room = Some(1));
    let file = disk.open(Path::new(FILE)).unwrap();
    let error = file.write_all_at(b"newer", 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(read(&disk, FILE).unwrap(), b"newe");
    let error = disk.create(Path::new("/new")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    disk.remove_file(Path::new(FILE)).unwrap();
}

#[test]
fn a_disk_that_is_mounted_read_only_can_be_read() {
    let disk = disk();
    disk.trouble(|trouble| trouble.is_read_only = true);
    assert_eq!(read(&disk, FILE).unwrap(), b"old");
    let error = disk.create(Path::new("/new")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem);
    let error = disk.open_locks(Path::new("/")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem);
}

#[test]
fn locks_end_with_their_process_and_stay_with_a_stopped_one() {
    let disk = disk();
    let (path, root) = (Path::new(FILE), Path::new("/"));
    for is_stopped in [false, true] {
        let other = disk.process(Arc::default());
        if is_stopped {
            other.keep_locks();
        }
        let theirs = (other.open(path).unwrap(), other.open_locks(root).unwrap());
        assert!(theirs.0.try_lock().unwrap() && theirs.1.try_lock(7, LockMode::Exclusive).unwrap());
        let ours = (disk.open(path).unwrap(), disk.open_locks(root).unwrap());
        let try_lock =
            || [ours.0.try_lock().unwrap(), ours.1.try_lock(7, LockMode::Shared).unwrap()];
        assert_eq!(try_lock(), [false; 2]);
        other.kill();
        assert_eq!(try_lock(), [!is_stopped; 2]);
        assert!(other.open(path).is_err());
        drop(theirs);
    }
}

#[test]
fn who_waits_for_a_lock_gets_it_when_its_holder_dies() {
    let disk = disk();
    let holder = disk.process(Arc::default());
    let held = holder.open_locks(Path::new("/")).unwrap();
    assert!(held.try_lock(7, LockMode::Shared).unwrap());
    let waiting = disk.open_locks(Path::new("/")).unwrap();
    let waiter = std::thread::spawn(move || waiting.lock(7, LockMode::Exclusive));
    holder.kill();
    waiter.join().unwrap().unwrap();
    drop(held);
}
