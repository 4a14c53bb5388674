//! The engine and its backends where everything around them is simulated.
//!
//! Whatever the world may do to a registry, a seed decides here: in which order things happen, what
//! the clock says, which request fails, gets lost or comes late, who dies, and what a power cut
//! leaves on a disk. So a failure is found in seconds, and happens again with its seed.

pub mod bucket;
pub mod dice;
pub mod disk;
pub mod life;
pub mod mortal;
