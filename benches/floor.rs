//! What the kernel and the disk take for what no push can do without: one system call after the
//! other, without a server, a hash or a lock. Nothing that is durable, on files and spoken to over
//! TCP can be faster on this machine.
//!
//! ```sh
//! cargo bench -p orlop-benches --bench floor [-- --quick]
//! ```
//!
//! Shown are medians of rounds whose order is shuffled, and the CPU time of all of them, both for
//! one act; where there are two threads, the time in which one act is done by whichever.

mod cpu_time;
mod random;
mod rounds;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::cpu_time;
use random::Random;
use rounds::{median, shuffled};
use tempfile::TempDir;

/// Whatever goes wrong, the measurement is void.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What is done again and again, in a directory of its own.
struct Act {
    name: &'static str,
    times: usize,
    threads: usize,
    run: fn(&Path, usize) -> Result<()>,
}

const ACTS: [Act; 9] = [
    Act::new("200 bytes over loopback, and back", 5000, 1, |_, times| exchange(times, 200)),
    Act::new("1 MiB over loopback, and an answer", 500, 1, |_, times| exchange(times, 1 << 20)),
    Act::new("4 KiB of a file written over, and synced", 1000, 1, write_over),
    Act::new("a file made with 500 bytes", 5000, 1, make_files),
    Act::new("the same by two threads", 5000, 2, make_files),
    Act::new("the same elsewhere, and renamed", 5000, 1, make_files_elsewhere),
    Act::new("the same, and the file and its directory synced", 500, 1, make_durable_files),
    Act::new("1 MiB at the end of a file, and synced", 200, 1, |path, times| {
        write_on(path, times, 0)
    }),
    Act::new("the same past the page cache", 200, 1, |path, times| {
        write_on(path, times, libc::O_DIRECT)
    }),
];

impl Act {
    const fn new(
        name: &'static str,
        times: usize,
        threads: usize,
        run: fn(&Path, usize) -> Result<()>,
    ) -> Self {
        Self { name, times, threads, run }
    }
}

fn main() -> Result<()> {
    let is = |flag: &str| std::env::args().any(|argument| argument == flag);
    if !is("--bench") {
        return Ok(()); // somebody runs all targets as tests
    }
    let rounds = if is("--quick") { 3 } else { 15 };
    let mut random = Random::new();
    let mut found = ACTS.each_ref().map(|_| (Vec::new(), Duration::ZERO));
    for _ in 0..rounds {
        for act in shuffled(ACTS.len(), &mut random) {
            let (time, cpu) = measure(&ACTS[act])?;
            found[act].0.push(time);
            found[act].1 += cpu;
        }
    }
    println!("| | us | CPU us |\n|---|---:|---:|");
    for (act, (times, cpu)) in ACTS.iter().zip(found) {
        let cpu = micros(cpu) / f64::from(rounds) / count(act);
        let time = median(times.into_iter().map(micros)) / count(act);
        println!("| {} | {time:.0} | {cpu:.0} |", act.name);
    }
    Ok(())
}

fn measure(act: &Act) -> Result<(Duration, Duration)> {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let places: Vec<_> = (0..act.threads).map(|n| directory.path().join(n.to_string())).collect();
    places.iter().try_for_each(fs::create_dir)?;
    let (cpu, begin) = (cpu_time()?, Instant::now());
    thread::scope(|scope| {
        let run = |place: &_| (act.run)(place, act.times);
        let running: Vec<_> = places.iter().map(|place| scope.spawn(move || run(place))).collect();
        running.into_iter().try_for_each(|thread| thread.join().map_err(|_| "it panicked")?)
    })?;
    Ok((begin.elapsed(), cpu_time()?.saturating_sub(cpu)))
}

#[allow(clippy::cast_precision_loss)] // nobody reads that many digits
fn count(act: &Act) -> f64 {
    (act.times * act.threads) as f64
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The other end is a thread, too, and its CPU time is counted with ours.
fn exchange(times: usize, len: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    thread::scope(|scope| {
        let serving = scope.spawn(move || -> Result<()> {
            let mut body = vec![0; len];
            for _ in 0..times {
                server.read_exact(&mut body)?;
                server.write_all(&body[..ANSWER_BYTES])?;
            }
            Ok(())
        });
        let (body, mut answer) = (vec![1; len], [0; ANSWER_BYTES]);
        for _ in 0..times {
            client.write_all(&body)?;
            client.read_exact(&mut answer)?;
        }
        serving.join().map_err(|_| "it panicked")?
    })
}

/// As a journal is written: in blocks that the file has already.
fn write_over(place: &Path, times: usize) -> Result<()> {
    let file = File::create(place.join("journal"))?;
    file.write_all_at(&vec![0; times * BLOCK_BYTES], 0)?;
    file.sync_all()?;
    for n in 0..times {
        file.write_all_at(&[1; BLOCK_BYTES], (n * BLOCK_BYTES) as u64)?;
        file.sync_data()?;
    }
    Ok(())
}

fn make_files(place: &Path, times: usize) -> Result<()> {
    for n in 0..times {
        make_file(&path_of(place, n)?)?;
    }
    Ok(())
}

fn make_files_elsewhere(place: &Path, times: usize) -> Result<()> {
    for n in 0..times {
        make_file_elsewhere(place, n)?;
    }
    Ok(())
}

fn make_durable_files(place: &Path, times: usize) -> Result<()> {
    for n in 0..times {
        make_file_elsewhere(place, n)?.sync_data()?;
        File::open(place.join(directory_of(n)))?.sync_all()?;
    }
    Ok(())
}

fn make_file_elsewhere(place: &Path, n: usize) -> Result<File> {
    let begun = place.join(format!("begun-{n}"));
    let file = make_file(&begun)?;
    fs::rename(begun, path_of(place, n)?)?;
    Ok(file)
}

fn make_file(path: &Path) -> Result<File> {
    let mut file = File::create_new(path)?;
    file.write_all(&[1; 500])?;
    Ok(file)
}

fn path_of(place: &Path, n: usize) -> Result<PathBuf> {
    let directory = place.join(directory_of(n));
    if n < DIRECTORIES {
        fs::create_dir(&directory)?;
    }
    Ok(directory.join(n.to_string()))
}

fn directory_of(n: usize) -> String {
    (n % DIRECTORIES).to_string()
}

/// As an upload goes on, a chunk at a time.
fn write_on(place: &Path, times: usize, flags: i32) -> Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).custom_flags(flags).open(place.join("blob"))?;
    let room = vec![1; CHUNK_BYTES + BLOCK_BYTES];
    let chunk = &room[room.as_ptr().align_offset(BLOCK_BYTES)..][..CHUNK_BYTES];
    for n in 0..times {
        file.write_all_at(chunk, (n * CHUNK_BYTES) as u64)?;
        file.sync_data()?;
    }
    Ok(())
}

const ANSWER_BYTES: usize = 200;
const BLOCK_BYTES: usize = 4096;
const CHUNK_BYTES: usize = 1 << 20;

/// As many as a store has for the blobs of one algorithm.
const DIRECTORIES: usize = 256;
