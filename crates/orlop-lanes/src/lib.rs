//! SHA-256 of several streams at once in one thread.
//!
//! One stream cannot be hashed faster than its rounds follow each other, and leaves half of what
//! the processor could do unused. [`Sha256::update_many`] gives the other half to other streams:
//! on x86-64 with the SHA extensions, three streams together are hashed nearly twice as fast as
//! one after the other. Elsewhere they are hashed one after the other, as fast as `sha2` does it.
//! What there is is found out at run time.
//!
//! This is the only crate of Orlop that may be `unsafe`: the instructions have no other name. It
//! is in one file, and each use says why it is sound.

mod constants;
mod kernel;
mod lane;
mod sha256;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests;

pub use sha256::Sha256;
