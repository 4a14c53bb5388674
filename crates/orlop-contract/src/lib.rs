//! The backend contract as tests that anyone can run on a backend of their own.
//!
//! Each clause is a plain `async fn` in [`records`], [`changes`], [`damage`] or [`extents`] whose
//! name is the sentence that it proves. A backend says in a [`Subject`] how it is opened, and
//! [`contract!`] stamps one `#[test]` per clause:
//!
//! ```
//! use orlop_backend::{Environment, Key};
//! use orlop_contract::{Damage, Subject};
//!
//! #[derive(Debug)]
//! struct MyBackend(Environment);
//!
//! #[async_trait::async_trait]
//! impl Subject for MyBackend {
//!     async fn open(&self) -> Environment {
//!         self.0.clone() // as another process would open it
//!     }
//!     async fn damage(&self, _key: &Key, _change: Damage) {
//!         // change the stored bytes behind the backend's back
//!     }
//! }
//!
//! // orlop_contract::contract!(MyBackend(Environment::memory()));
//! let subject = MyBackend(Environment::memory());
//! orlop_contract::run(orlop_contract::records::a_stale_swap_loses(&subject));
//! ```

pub mod changes;
pub mod damage;
pub mod extents;
pub mod records;

use std::fmt::Debug;

use async_trait::async_trait;
use orlop_backend::{Environment, Key};

/// A store to be tried: empty when it is made, gone when it is dropped.
#[async_trait]
pub trait Subject: Debug + Sync {
    /// Opens the same store once more, as another process would.
    async fn open(&self) -> Environment;

    /// Changes the bytes stored under `key` behind the backend's back, as a failing medium would.
    async fn damage(&self, key: &Key, change: Damage);
}

/// A change of stored bytes.
pub type Damage = fn(&mut Vec<u8>);

/// Runs one clause to its end.
///
/// # Panics
///
/// If the clause does not hold.
pub fn run(clause: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(clause);
}

/// Stamps a test per clause. The expression makes a fresh [`Subject`] for each.
#[macro_export]
macro_rules! contract {
    ($subject:expr) => {
        $crate::contract!(@clauses $subject, records: [
            a_record_reads_back_as_it_was_stored
            a_key_that_was_never_stored_is_absent
            creating_over_a_record_conflicts
            a_stale_swap_loses
            equal_values_have_different_versions
            of_many_creators_one_wins
            no_increment_is_lost
            a_removed_record_is_absent_and_can_be_created_anew
            removing_needs_the_newest_version
            a_version_never_comes_back
            markers_are_made_once_and_cleared_once
            what_is_forgotten_is_gone
            a_list_is_ordered_by_bytes
            a_list_goes_on_after_any_text
            a_list_sees_nothing_beside_its_prefix
            a_long_list_is_complete_page_by_page
            a_long_list_follows_changes
            a_walk_finds_every_depth
            what_is_stored_is_there_when_opened_again
            a_damaged_record_is_neither_a_value_nor_absent
            values_may_be_empty_or_large
            segments_may_be_long
        ]);
        $crate::contract!(@clauses $subject, changes: [
            an_operation_is_over_when_it_was_run
            changes_are_made_up_to_a_conflict
            who_loses_the_first_change_makes_no_other
        ]);
        $crate::contract!(@clauses $subject, damage: [
            what_is_stored_can_be_looked_at_as_it_is
            a_damaged_record_can_be_replaced_if_it_is_the_one_that_was_found
        ]);
        $crate::contract!(@clauses $subject, extents: [
            a_sealed_extent_reads_back
            ranges_are_cut_at_the_end
            an_empty_extent_can_be_sealed_and_read
            an_extent_that_is_not_sealed_cannot_be_read
            any_opening_goes_on_from_a_checkpoint
            what_followed_a_checkpoint_is_discarded
            a_writer_knows_whether_it_discards_something
            a_claim_changes_nothing
            a_second_writer_cannot_destroy_what_the_first_one_wrote
            a_claim_ends_when_it_is_dropped
            a_deleted_extent_is_absent_and_deleting_it_again_is_fine
            an_abandoned_extent_is_never_seen
            abandoning_leaves_what_is_sealed
            writers_of_one_checkpoint_do_not_harm_each_other
            ranges_run_over_all_that_was_written
            a_url_is_given_or_not
            a_file_has_the_bytes
            a_walk_finds_every_extent
        ]);
    };
    (@clauses $subject:expr, $plane:ident: [$($clause:ident)*]) => {
        mod $plane {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $clause() {
                    $crate::run(async {
                        let subject = $subject;
                        $crate::$plane::$clause(&subject).await;
                    });
                }
            )*
        }
    };
}
