//! What a request may have of anything: the one table of bounds, which docs/protocol/http-api.md §1.9 shows to clients.
//!
//! Every body is read by [`crate::request::Body`], which takes only what is [`Bounded`], and every query by
//! [`crate::query`]: both check before a rule, the database or a lock sees any of it. Bounds that an operator may choose (slots
//! and bytes of an item, the largest body) are in [`Limits`]; what depends on records (how many shares an item has by now) is
//! checked by the rules, with the numbers of this table.

mod keystore;
mod vault;

pub(crate) use keystore::check_identifiers;
pub(crate) use vault::{check_slot_count, check_values};

use vaultshare::api::Ciphertext;

use crate::{
    config::Limits,
    error::{Code, Error, Result},
};

// Bodies, in bytes.

/// Without a session: names, numbers of SRP and one public key. Whoever sends them need not be anybody.
pub const BODY_WITHOUT_SESSION: usize = 16 * 1024;
/// With a session, where no items go.
pub const BODY: usize = 256 * 1024;
/// Above it a body or reply takes milliseconds to read or write, and is not read or written between other requests.
pub const LARGE_BODY: usize = 256 * 1024;
/// Above it, replies that wait for one user's clients to take them are counted.
pub const LARGE_REPLY: usize = 64 * 1024;
/// Of all large bodies that are being read or worked on: what a server's memory bears.
pub const LARGE_BODIES_AT_ONCE: usize = 32 * 1024 * 1024;
/// JSON values of a large body: `{}` takes three bytes on the wire and hundreds in memory. The largest refresh has fewer.
pub const BODY_VALUES: usize = 250_000;

// Queries.

/// Values of a list in a query: as many as a page of the default size has records. SQLite takes n² steps for n of them.
pub const QUERY_VALUES: usize = 200;

// Texts, in bytes.

/// A label or name: 1000 characters. Texts in queries, which look for names and ids, are no longer.
pub const NAME: usize = 4_000;
/// A name that records are found by, also where a label makes it, and a scheme: an entry of PostgreSQL's indexes has 2,704 bytes,
/// and two of these are in one.
pub const FOUND_BY: usize = 1_300;
/// Texts for people, and pictures, which are URLs or small: of items, slots, templates, nodes, users; terms and notes.
pub const LONG_TEXT: usize = 64 * 1024;
/// Ids that others gave, kinds of slots and keys, tokens.
pub const SHORT_TEXT: usize = 255;
/// A public key in PEM (RSA-16384 has 2.8 kB), or what is encrypted with one, or signed.
pub const KEY: usize = 8 * 1024;
/// What is encrypted with a symmetric key and is no slot's value: wrapped keys, names of connections.
pub const WRAPPED: usize = 64 * 1024;
/// [`vaultshare::api::vault::shares::NewShare::grant`]
pub const GRANT: usize = 1024;
/// What a sender signs with a share: a signature, and the public keys to check it by.
pub const PROOF: usize = 4096;
/// What who shares on says of a share, whoever encrypts values of these, and the maker of an encryption space of its key.
pub const STATEMENT: usize = 2048;
/// A client's report of a task.
pub const REPORT: usize = 16 * 1024;

/// The name of a file.
pub const FILE_NAME: usize = 1_000;
/// The id of a block, decoded.
pub const BLOCK_ID: usize = 64;

// Files.

/// A block, or the list of all: what is in memory of a file.
pub const BLOB_BODY: usize = 8 * 1024 * 1024;
/// Blocks of a file: with 1 MiB each, 19.5 GiB.
pub const BLOB_BLOCKS: usize = 20_000;
/// Uploads of a user that no file was made of yet; a file takes two.
pub const UNFINISHED_UPLOADS: i64 = 200;
/// A thumbnail.
pub const THUMBNAIL: usize = 1024 * 1024;
/// Fields of a form.
pub const FORM_FIELDS: usize = 20;

// Lists in bodies.

/// How often one item or slot is classified.
pub const CLASSIFICATIONS: usize = 100;
/// How often one request classifies, all its slots together.
pub const CLASSIFICATIONS_OF_REQUEST: usize = 1_000;
/// Slots of a template: each item made from it has them all.
pub const TEMPLATE_SLOTS: usize = 1_000;
/// Shares that one request makes, changes or ends.
pub const SHARES: usize = 1_000;
/// The same in the first protocol, where the reply repeats each one's item.
pub const SPACE_SHARES: usize = 100;
/// Shares of one item, those that recipients made among them: its owner lists and refreshes them without pages.
pub const SHARES_OF_ITEM: usize = 5_000;
/// Slots that one request has copied: those of the item, for each recipient.
pub const COPIED_SLOTS: usize = 100_000;
/// Values of one refresh: what clients read of a list.
pub const SLOT_VALUES: usize = 20_000;
/// Tasks that one request sets.
pub const CLIENT_TASKS: usize = 1_000;
/// Names of a key pair.
pub const EXTERNAL_IDENTIFIERS: usize = 20;

/// A body whose texts and lists have ends.
pub trait Bounded {
    /// Refuses what is beyond the table, with the field's name and the number.
    fn check_bounds(&self, limits: &Limits) -> Result<()>;
}

/// A text of at most so many bytes, or none.
pub fn check_length(field: &str, text: Option<&str>, bytes: usize) -> Result<()> {
    check_bytes(field, text.map_or(0, str::len), bytes)
}

fn check_bytes(field: &str, length: usize, bytes: usize) -> Result<()> {
    if length > bytes {
        return Err(Error::refused(Code::TextTooLong, format!("has at most {bytes} bytes")).at(field));
    }
    Ok(())
}

pub(crate) fn check_encrypted<Of>(field: &str, text: Option<&Ciphertext<Of>>, bytes: usize) -> Result<()> {
    check_length(field, text.map(Ciphertext::as_str), bytes)
}

/// What is stored as the text of its JSON.
pub(crate) fn check_json(field: &str, value: Option<&impl serde::Serialize>, bytes: usize) -> Result<()> {
    let text = value.map(serde_json::to_string).transpose()?;
    check_length(field, text.as_deref(), bytes)
}

/// A list of at most `most` values, each of which is checked.
pub(crate) fn check_list<T>(field: &str, list: &[T], most: usize, check: impl Fn(&T) -> Result<()>) -> Result<()> {
    check_count(field, list.len(), most)?;
    check_each(field, list, check)
}

pub(crate) fn check_count(field: &str, count: usize, most: usize) -> Result<()> {
    if count > most {
        return Err(Error::refused(Code::TooManyValues, format!("has at most {most} values")).at(field));
    }
    Ok(())
}

fn check_each<T>(field: &str, list: &[T], check: impl Fn(&T) -> Result<()>) -> Result<()> {
    let checked = list
        .iter()
        .enumerate()
        .map(|(index, value)| check(value).map_err(|error| error.at(&format!("{field}[{index}]"))));
    checked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_commas(number: usize) -> String {
        let digits = number.to_string();
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
        groups.join(",")
    }

    #[test]
    fn the_protocols_table_says_these_bounds() {
        let text = include_str!("../../../../docs/protocol/http-api.md");
        let section = text.split_once("### 1.9 ").unwrap().1.split_once("\n## ").unwrap().0;
        let limits = Limits::default();
        let item_slots = usize::try_from(limits.item_slots).unwrap();
        let item_bytes = usize::try_from(limits.item_bytes).unwrap();
        for (what, number) in [
            ("body without a session", BODY_WITHOUT_SESSION),
            ("body with a session", BODY),
            ("body where items go", limits.body),
            ("JSON values of a body", BODY_VALUES),
            ("worked on at once", LARGE_BODIES_AT_ONCE),
            ("list in a query", QUERY_VALUES),
            ("text in a query", NAME),
            ("is found by", FOUND_BY),
            ("other names", NAME),
            ("description", LONG_TEXT),
            ("`keypair_external_id`", SHORT_TEXT),
            ("public key", KEY),
            ("wrapped key", WRAPPED),
            ("`report` of a client task", REPORT),
            ("`grant`", GRANT),
            ("`grant`", STATEMENT),
            ("`grant`", PROOF),
            ("encrypted value of a slot", vaultshare::api::MAXIMUM_CIPHERTEXT_LENGTH),
            ("slots of an item, and", item_slots),
            ("bytes of an item's slots", item_bytes),
            ("slots of a template", TEMPLATE_SLOTS),
            ("nodes that an item", CLASSIFICATIONS),
            ("nodes of one request", CLASSIFICATIONS_OF_REQUEST),
            ("shares that one request", SHARES),
            ("the same in the first protocol", SPACE_SHARES),
            ("shares of an item", SHARES_OF_ITEM),
            ("slots of an item, times", COPIED_SLOTS),
            ("`slot_values` of a request", SLOT_VALUES),
            ("client tasks of one request", CLIENT_TASKS),
            ("identifiers of a key pair |", EXTERNAL_IDENTIFIERS),
            ("| file; all files", usize::try_from(limits.file_bytes).unwrap()),
            ("block of a file", BLOB_BODY),
            ("| blocks of a file", BLOB_BLOCKS),
            ("name of a file", FILE_NAME),
            ("uploads of a user", usize::try_from(UNFINISHED_UPLOADS).unwrap()),
            ("| thumbnail", THUMBNAIL),
            ("fields of a form", FORM_FIELDS),
        ] {
            let row = section.lines().find(|line| line.starts_with("| ") && line.contains(what));
            let bound = row.unwrap_or_else(|| panic!("no row for {what}")).rsplit_once(" | ").unwrap().1;
            let numbers: Vec<&str> = bound.split([' ', ';', '|']).collect();
            assert!(numbers.contains(&with_commas(number).as_str()), "{what}: {number}, and not {bound}");
        }
    }
}
