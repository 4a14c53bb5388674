//! A bucket as a backend: the contract on several of them, what goes wrong between two machines,
//! and what it costs.

#![allow(clippy::unwrap_used)] // a test that fails says where

mod contract;
mod lost_answers;
mod requests;
mod strict;
mod subject;
mod trust;
