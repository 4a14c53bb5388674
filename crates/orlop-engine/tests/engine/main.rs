//! The engine on the backend that `ORLOP_TEST_STORE` names, with a look behind its back.

#![allow(clippy::unwrap_used)] // a test that fails says where

mod audit;
mod blobs;
mod collect;
mod counting;
mod fixture;
mod inline;
mod large;
mod late_seals;
mod leftovers;
mod liar;
mod lists;
mod lost_answers;
mod manifests;
mod offers;
mod scrub;
mod slow;
mod tags;
mod untagged;
mod uploads;
mod writers;
