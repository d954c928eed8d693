//! How much of a share goes into one request: neither the number of shares nor the size of an item is bounded by what a
//! server takes at once.

use crate::api::vault::shares::{ShareDek, ShareSlotValue};

/// Estimated bytes of the body of a request that brings shares up to date.
pub(super) const BYTES_PER_REQUEST: usize = 2 * 1024 * 1024;

/// The same of one whose item is not as it should be until the rest has arrived: a new share, of which the recipient sees a
/// part, an item that is adopted. So it brings about as much as our server takes (8 MiB).
pub(super) const BYTES_AT_ONCE: usize = 6 * 1024 * 1024;

/// Estimate of what a share adds to a body besides its values.
const BYTES_PER_SHARE: usize = 1024;

/// Estimate of what a value adds besides its ciphertexts.
const BYTES_PER_VALUE: usize = 256;

/// The values in as many parts as they need requests, in their order; one part that is empty where there are none. The first
/// request has `room` for them, and may be left without any; the others have at least one each.
pub(super) fn in_parts(values: &[ShareSlotValue], room: usize) -> Vec<&[ShareSlotValue]> {
    let (mut parts, mut begin, mut bytes, mut room) = (Vec::new(), 0, 0, room.saturating_sub(BYTES_PER_SHARE));
    for (index, value) in values.iter().enumerate() {
        let is_first_of_later_part = begin == index && !parts.is_empty();
        if bytes + length(value) > room && !is_first_of_later_part {
            parts.push(values.get(begin..index).unwrap_or_default());
            (begin, bytes, room) = (index, 0, BYTES_PER_REQUEST);
        }
        bytes += length(value);
    }
    parts.push(values.get(begin..).unwrap_or_default());
    parts
}

/// The new DEKs of one part, and those that it continues: the first replaces DEK and values of before, those after it add to
/// its values. A client that refreshes the same shares meanwhile begins with other DEKs, and then has to end alone.
pub(super) fn deks_of_part(part: usize, deks: &[ShareDek]) -> (Vec<ShareDek>, Vec<ShareDek>) {
    match part {
        0 => (deks.to_vec(), Vec::new()),
        _ => {
            let continued = |dek: &ShareDek| ShareDek { grant: None, content_signature: None, ..dek.clone() };
            (Vec::new(), deks.iter().map(continued).collect())
        }
    }
}

/// For how many shares a request has room, each of which gets all the values.
pub(super) fn shares_per_request(values: &[ShareSlotValue]) -> usize {
    let bytes_per_share = values.iter().map(length).sum::<usize>() + BYTES_PER_SHARE;
    (BYTES_PER_REQUEST / bytes_per_share).max(1)
}

fn length(value: &ShareSlotValue) -> usize {
    let value_length = value.encrypted_value.as_ref().map_or(0, |value| value.as_str().len());
    let key_length = value.encrypted_value_verification_key.as_ref().map_or(0, |key| key.as_str().len());
    value_length + key_length + BYTES_PER_VALUE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Ciphertext;

    fn values(lengths: &[usize]) -> Vec<ShareSlotValue> {
        let value = |length: &usize| ShareSlotValue {
            encrypted_value: Ciphertext::parse(format!("Aes256Gcm.{}.QUFBQQ==", "A".repeat(*length))),
            ..ShareSlotValue::default()
        };
        lengths.iter().map(value).collect()
    }

    fn lengths(values: &[ShareSlotValue], room: usize) -> Vec<usize> {
        in_parts(values, room).iter().map(|part| part.len()).collect()
    }

    #[test]
    fn values_go_into_as_many_requests_as_they_need_and_keep_their_order() {
        let large = values(&[1_000_000, 1_000_000, 3_000_000, 10, 10, 2_000_000]);
        assert_eq!(lengths(&large, BYTES_PER_REQUEST), [2, 1, 3]);
        assert_eq!(lengths(&large, BYTES_AT_ONCE), [5, 1]);
        assert_eq!(lengths(&large, 0), [0, 2, 1, 3]);
        assert_eq!(lengths(&large[2..3], BYTES_PER_REQUEST), [0, 1]);
        assert_eq!(lengths(&values(&[10; 100]), BYTES_PER_REQUEST), [100]);
        assert_eq!(lengths(&[], BYTES_PER_REQUEST), [0]);
    }

    #[test]
    fn a_request_has_room_for_many_small_shares_and_for_one_large_one() {
        assert!(shares_per_request(&values(&[10; 3])) > 1_000);
        assert_eq!(shares_per_request(&values(&[1_000_000; 8])), 1);
    }
}
