//! Is the log what was signed? Checks a copy with nothing but the public key, and names what is wrong.
//!
//! Every record holds its number and the hash of the record before. So a change made without rewriting all that
//! follows breaks the chain at that place and is named exactly; and if somebody did rewrite what follows, the first
//! signed checkpoint whose root no longer fits bounds what was rewritten.

use super::checkpoint::{Checkpoint, PublicKey};
use super::event::{Record, actor_key};
use super::merkle::{Frontier, Hash, leaf};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A row as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Column `seq`.
    pub seq: u64,
    /// Column `at`.
    pub at: i64,
    /// Column `workspace`.
    pub workspace: Option<String>,
    /// Column `actor`.
    pub actor: String,
    /// Column `verb`.
    pub verb: String,
    /// Column `object`.
    pub object: String,
    /// Column `outcome`.
    pub outcome: String,
    /// The record's JSON.
    pub body: String,
    /// Column `leaf`.
    pub leaf: Vec<u8>,
}

/// One record of a copy, in the copy's order.
#[derive(Clone, Debug)]
pub struct Line {
    body: String,
    row: Option<Stored>,
}

impl Line {
    /// From an export: only the record itself.
    pub fn exported(body: String) -> Line {
        Line { body, row: None }
    }

    /// From a database: its columns must say the same.
    pub fn stored(row: Stored) -> Line {
        Line { body: row.body.clone(), row: Some(row) }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// These records are gone (first and last number).
    Removed(u64, u64),
    /// This record's content is not what it was.
    Changed(u64),
    /// This record stands in another place than its number says.
    Reordered(u64),
    /// This record was not there, or is there twice.
    Inserted(u64),
    /// What searches see of this record differs from the record.
    ColumnsDiffer(u64),
    /// These records (first and last number) were replaced by others that fit each other, but not what was signed.
    Rewritten(u64, u64),
    /// Records from this number on are missing at the end: a checkpoint signed more than there is.
    Truncated(u64, u64),
    /// A checkpoint that can't be trusted, and why.
    BadCheckpoint(usize, String),
    /// There are records and nothing was signed.
    NotSigned,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |f: &mut fmt::Formatter<'_>, a: u64, b: u64, what: &str| match a == b {
            true => write!(f, "record {a} {what}"),
            false => write!(f, "records {a} to {b} {what}"),
        };
        match self {
            Finding::Removed(a, b) => range(f, *a, *b, "removed"),
            Finding::Changed(n) => write!(f, "record {n} changed"),
            Finding::Reordered(n) => write!(f, "record {n} moved to another place"),
            Finding::Inserted(n) => write!(f, "record {n} inserted"),
            Finding::ColumnsDiffer(n) => {
                write!(f, "record {n}: the columns searches use differ from the record")
            }
            Finding::Rewritten(a, b) => range(f, *a, *b, "rewritten after being signed"),
            Finding::Truncated(a, b) => range(f, *a, *b, "removed from the end"),
            Finding::BadCheckpoint(n, why) => write!(f, "checkpoint {n} can't be trusted: {why}"),
            Finding::NotSigned => f.write_str("nothing was signed, so nothing can be proved"),
        }
    }
}

/// The outcome of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Records looked at.
    pub records: u64,
    /// How many of them a good checkpoint signs.
    pub signed: u64,
    /// What is wrong; empty when nothing is.
    pub findings: Vec<Finding>,
}

struct Parsed<'a> {
    line: &'a Line,
    record: Option<Record>,
    hash: Hash,
}

/// Checks a copy. `trusted` are checkpoints the verifier kept themselves: with one of those even a log that was
/// rewritten by whoever holds the key is found out.
pub fn verify(lines: &[Line], notes: &[String], trusted: &[String], key: &PublicKey) -> Report {
    let parsed: Vec<Parsed<'_>> = lines
        .iter()
        .map(|line| Parsed {
            line,
            record: serde_json::from_str(&line.body).ok(),
            hash: leaf(line.body.as_bytes()),
        })
        .collect();
    let mut findings = chain(&parsed);
    let mut checkpoints: BTreeMap<u64, Checkpoint> = BTreeMap::new();
    for (number, note) in notes.iter().chain(trusted).enumerate() {
        match key.open(note) {
            Ok(checkpoint) => match checkpoints.get(&checkpoint.size) {
                Some(known) if *known != checkpoint => findings.push(Finding::BadCheckpoint(
                    number,
                    format!("another one signs other content for the same {} records", checkpoint.size),
                )),
                _ => drop(checkpoints.insert(checkpoint.size, checkpoint)),
            },
            Err(why) => findings.push(Finding::BadCheckpoint(number, why)),
        }
    }
    let signed = roots(&parsed, &checkpoints, &mut findings);
    if checkpoints.is_empty() && !lines.is_empty() {
        findings.push(Finding::NotSigned);
    }
    Report { records: lines.len() as u64, signed, findings }
}

/// Follows numbers and chain hashes.
fn chain(parsed: &[Parsed<'_>]) -> Vec<Finding> {
    // What each record's successor says its hash was: the witness for the record itself.
    let mut witness: BTreeMap<u64, &str> = BTreeMap::new();
    for record in parsed.iter().filter_map(|one| one.record.as_ref()).filter(|record| record.seq > 0) {
        witness.entry(record.seq - 1).or_insert(&record.prev);
    }
    let fits =
        |one: &Parsed<'_>, seq: u64| witness.get(&seq).is_none_or(|wanted| *wanted == hex::encode(one.hash));
    let genuine = genuine(parsed, &fits);
    let mut findings = Vec::new();
    let mut missing = missing(genuine.keys().copied());
    let in_order = longest_rise(parsed, &genuine);
    let mut before = None;
    for (place, one) in parsed.iter().enumerate() {
        let Some(record) = &one.record else {
            // What can't be read any more is known by its place alone.
            let number = before.map_or(0, |before: u64| before + 1);
            let was_here = missing.remove(&number);
            findings.push(if was_here { Finding::Changed(number) } else { Finding::Inserted(number) });
            before = Some(number);
            continue;
        };
        if one.line.row.as_ref().is_some_and(|row| !columns_agree(row, record, &one.hash)) {
            findings.push(Finding::ColumnsDiffer(record.seq));
        }
        if genuine.get(&record.seq) != Some(&place) {
            findings.push(Finding::Inserted(record.seq));
            continue;
        }
        if !in_order.contains(&place) {
            findings.push(Finding::Reordered(record.seq));
        }
        if !fits(one, record.seq) {
            findings.push(Finding::Changed(record.seq));
        }
        before = Some(record.seq);
    }
    for run in runs(missing) {
        findings.push(Finding::Removed(run.0, run.1));
    }
    findings
}

/// Of records with the same number, the one that fits its successor, else the first: number → place.
fn genuine(parsed: &[Parsed<'_>], fits: &impl Fn(&Parsed<'_>, u64) -> bool) -> BTreeMap<u64, usize> {
    let mut genuine: BTreeMap<u64, usize> = BTreeMap::new();
    for (place, one) in parsed.iter().enumerate() {
        let Some(seq) = one.record.as_ref().map(|record| record.seq) else { continue };
        let better = genuine.get(&seq).is_none_or(|had| !fits(&parsed[*had], seq) && fits(one, seq));
        if better {
            genuine.insert(seq, place);
        }
    }
    genuine
}

/// Numbers below the largest that are not there.
fn missing(present: impl Iterator<Item = u64>) -> BTreeSet<u64> {
    let mut missing = BTreeSet::new();
    let mut next = 0;
    for seq in present {
        // A forged number far away must not make us count to it.
        missing.extend((next..seq).take(1_000_000));
        next = seq + 1;
    }
    missing
}

fn runs(numbers: BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some(run) if run.1 + 1 == number => run.1 = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

/// Places of the longest rising sequence of numbers: what is not in it was moved.
fn longest_rise(parsed: &[Parsed<'_>], genuine: &BTreeMap<u64, usize>) -> BTreeSet<usize> {
    let mut places: Vec<(usize, u64)> = genuine.iter().map(|(seq, place)| (*place, *seq)).collect();
    places.sort_unstable();
    // Patience sorting: `ends[n]` is the index of the smallest end of a rising sequence of length n + 1.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; parsed.len().min(places.len())];
    for (index, (_, seq)) in places.iter().enumerate() {
        let length = ends.partition_point(|end| places[*end].1 < *seq);
        before[index] = length.checked_sub(1).map(|shorter| ends[shorter]);
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut rise = BTreeSet::new();
    let mut at = ends.last().copied();
    while let Some(index) = at {
        rise.insert(places[index].0);
        at = before[index];
    }
    rise
}

fn columns_agree(row: &Stored, record: &Record, hash: &Hash) -> bool {
    row.seq == record.seq
        && row.at == record.at.0
        && row.workspace == record.workspace.map(|id| id.to_string())
        && row.actor == actor_key(&record.actor)
        && row.verb == record.verb
        && row.object == record.object.as_str()
        && row.outcome == record.outcome.word()
        && row.leaf == hash
}

/// Compares the roots of the copy with what was signed; returns how many records a good checkpoint covers.
fn roots(parsed: &[Parsed<'_>], checkpoints: &BTreeMap<u64, Checkpoint>, findings: &mut Vec<Finding>) -> u64 {
    let mut frontier = Frontier::default();
    let mut good = 0;
    let mut bad: Option<u64> = None;
    for checkpoint in checkpoints.values() {
        if checkpoint.size > parsed.len() as u64 {
            break;
        }
        while frontier.size() < checkpoint.size {
            match parsed.get(frontier.size() as usize) {
                Some(one) => frontier.push(one.hash),
                None => break,
            }
        }
        if frontier.root() == checkpoint.root {
            good = checkpoint.size;
        } else {
            bad = Some(checkpoint.size);
            break;
        }
    }
    let explained = findings.iter().any(|finding| {
        matches!(
            finding,
            Finding::Removed(..) | Finding::Changed(_) | Finding::Reordered(_) | Finding::Inserted(_)
        )
    });
    if let Some(bad) = bad.filter(|bad| *bad > 0 && !explained) {
        findings.push(Finding::Rewritten(good, bad - 1));
    }
    if let Some((largest, _)) = checkpoints.last_key_value().filter(|(size, _)| **size > parsed.len() as u64)
    {
        let from = parsed
            .iter()
            .filter_map(|one| one.record.as_ref())
            .map(|record| record.seq + 1)
            .max()
            .unwrap_or(0);
        if from < *largest {
            findings.push(Finding::Truncated(from, largest - 1));
        }
    }
    good
}
