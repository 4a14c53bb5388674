//! What all ledgers come to.

use std::collections::BTreeMap;
use std::fs;

use crate::setting::{Medium, Setting};

/// Prints the sums, and whether nothing went wrong.
pub(crate) fn print(setting: &Setting) -> bool {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for ledger in fs::read_dir(&setting.ledgers).expect("the ledgers") {
        let path = ledger.expect("a ledger").path();
        for line in fs::read_to_string(path).expect("a ledger").lines() {
            let Some((word, rest)) = line.split_once(' ') else { continue };
            match word {
                "count" => *counts.entry(rest.to_owned()).or_default() += 1,
                "bytes" => *counts.entry("bytes pulled".to_owned()).or_default() += number(rest),
                "collected" => {
                    let (what, times) = rest.split_once(' ').unwrap_or_default();
                    *counts.entry(format!("{what} collected")).or_default() += number(times);
                }
                "wrong" => wrong.push(rest.to_owned()),
                "failed" if setting.medium == Medium::Steady => wrong.push(rest.to_owned()),
                _ => {}
            }
        }
    }
    for (what, times) in &counts {
        println!("{times:>12} {what}");
    }
    for what in &wrong {
        println!("WRONG: {what}");
    }
    println!("{} things went wrong", wrong.len());
    wrong.is_empty()
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_default()
}
