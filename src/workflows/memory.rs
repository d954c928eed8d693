//! What a session remembers, so that a server cannot go back behind it.

use std::{cmp::Ordering, collections::BTreeMap, rc::Rc};

use serde::{Deserialize, Serialize};

use super::{Binding, item::Seen, refusals::bad_response};
use crate::{
    api::{Id, vault::items},
    crypto::places::Birth,
    error::{Error, ErrorCode, Result},
};

/// Whether a Keystore proved that it has the user's verifier. One of another make does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerProof {
    Given,
    Absent,
}

/// What a device keeps of a session's memory.
#[derive(Default)]
pub struct KeptMemory {
    /// Sealed under the DEK.
    pub text: String,
    /// [`Memory::version`] of it.
    pub(super) version: Option<u64>,
}

/// Entries of each kind. Beyond it, the older half is forgotten.
const MAX_ENTRIES: usize = 20_000;

/// A copy costs next to nothing: it is made for each request that reads items, to judge the reply by.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// Own items, by id. A server has no key to invent one with, so it cannot make the session forget the others.
    items: Newest<Seen>,
    /// Lives of own items that are over, as `id/birth`: another session on this device may not have noticed.
    ended: Newest<()>,
    /// Received ones, by the id of the share that brought them: a server can make any number of those.
    received: Newest<Seen>,
    /// By the owner's id of a received item, by whichever share it came.
    originals: Newest<Seen>,
    /// Fingerprint of the other side's key, by that of the own key pair.
    peers: Newest<String>,
    /// The same, where the user named it.
    named: Newest<String>,
    /// Fingerprint of the own key pair, by the connection's id.
    pairs: Newest<String>,
    /// The connection's id, by fingerprint of the own key pair: one each, or a server could invent connections until the
    /// others are forgotten.
    connections: Newest<String>,
    /// Own key pairs that were published, by fingerprint.
    published: Newest<()>,
    /// What this user shared by which share, and when it was granted.
    shares: Newest<(String, u64)>,
    /// When what was shared was taken back, in milliseconds since 1970.
    revoked: Newest<u64>,
    /// Own key pairs, by fingerprint, over which somebody proved to have shared something, and items, by the owners' ids.
    proven: Newest<()>,
    /// Whether the Keystore has proved that it has the user's verifier.
    server_is_proven: bool,
    /// How far it reaches back, in milliseconds since 1970; 0 where that was not noted.
    since: u64,
}

impl Memory {
    pub(super) fn of_sign_in(server: Option<ServerProof>, now: u64) -> Self {
        Memory { server_is_proven: server == Some(ServerProof::Given), since: now, ..Memory::default() }
    }

    /// How far it reaches back, in milliseconds since 1970.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    /// Grows whenever something is learnt.
    pub(super) fn version(&self) -> u64 {
        let Memory { items, ended, received, originals, peers, named, pairs, connections, published, .. } = self;
        let Memory { shares, revoked, proven, .. } = self;
        let of_items = items.learnt + ended.learnt + received.learnt + originals.learnt;
        let of_keys = peers.learnt + named.learnt + pairs.learnt + connections.learnt + published.learnt;
        of_items + of_keys + shares.learnt + revoked.learnt + proven.learnt
    }

    pub(super) fn knows_proven_server(&self) -> bool {
        self.server_is_proven
    }

    /// Adds what another session has learnt: an earlier one, or one of another page.
    pub(super) fn merge(&mut self, other: Memory) {
        let Memory { items, ended, received, originals, peers, named, pairs, connections, published, shares, .. } =
            other;
        let Memory { revoked, proven, server_is_proven, since, .. } = other;
        let first = |_: &str, others: &String, _: &String| others.clone();
        let newer = |_: &str, others: &Seen, now: &Seen| now.or_newer(*others);
        self.ended.merge(ended, |_, (), ()| ());
        let over = &self.ended;
        self.items.merge(items, |id, others, now| match over.get(&life(id, now.birth)) {
            Some(()) => *others,
            None => now.or_newer(*others),
        });
        self.received.merge(received, newer);
        self.originals.merge(originals, newer);
        // The key that was seen first counts, unless the user has named another since.
        self.named.merge(named, |_, _, now| now.clone());
        let named = &self.named;
        self.peers.merge(peers, |own, others, now| match named.get(own) {
            Some(named) if named == *now => named,
            _ => others.clone(),
        });
        self.pairs.merge(pairs, first);
        self.connections.merge(connections, first);
        self.published.merge(published, |_, (), ()| ());
        self.shares.merge(shares, |_, (key, at), (now, seen_at)| match key != now || at > seen_at {
            true => (key.clone(), *at),
            false => (now.clone(), *seen_at),
        });
        self.revoked.merge(revoked, |_, others, now| *others.max(now));
        self.proven.merge(proven, |_, (), ()| ());
        self.server_is_proven |= server_is_proven;
        if since != 0 {
            self.since = self.since.min(since);
        }
    }

    /// Compares an item with what was seen of it, and remembers it. `known` is what was remembered when the item was asked
    /// for: the session may have written or read a newer one since, which such a reply need not show.
    ///
    /// `ROLLED_BACK` where the server shows an older one. Another life of the item, other content of the same revision, or
    /// none of the values that vouched for it, is `changed`.
    pub(super) fn check_item(
        &mut self,
        known: &Memory,
        item: &items::Item,
        binding: &mut Binding,
        has_values: bool,
    ) -> Result<()> {
        let (items, known, id) = match &item.share_id {
            Some(share_id) => (&mut self.received, &known.received, share_id.as_str()),
            None => (&mut self.items, &known.items, item.id.as_str()),
        };
        let shown = binding.seen();
        match Judgement::of(items.get(id), shown, has_values) {
            Judgement::Fits => {
                if let Some(mut shown) = shown {
                    let same = |seen: &Seen| seen.birth == shown.birth && seen.revision == shown.revision;
                    let ciphertexts = items.get(id).filter(same).and_then(|seen| seen.ciphertexts);
                    shown.ciphertexts = shown.ciphertexts.or(ciphertexts);
                    let before = items.get(id).filter(|seen| seen.birth != shown.birth);
                    items.insert(id, shown);
                    if let (Some(before), None) = (before, &item.share_id) {
                        self.ended.insert(&life(id, before.birth), ());
                    }
                }
            }
            _ if was_passed(items.get(id), known.get(id), shown)
                && Judgement::of(known.get(id), shown, has_values) == Judgement::Fits => {}
            Judgement::Older => {
                let message = "the server shows an older version of this item than it did before";
                return Err(Error::new(ErrorCode::RolledBack, message));
            }
            Judgement::Contradicts => binding.contradict(),
        }
        Ok(())
    }

    /// Ids of shares are the server's, which could show an older version by one of its making. By another share an item may
    /// really be older, if that one was left out of a refresh: so it is `changed` and not `ROLLED_BACK`.
    pub(super) fn check_original(&mut self, known: &Memory, id: &str, binding: &mut Binding) {
        let Some(shown) = binding.seen() else { return };
        let is_older =
            |seen: Option<Seen>| seen.is_some_and(|seen| seen.birth != shown.birth || shown.revision < seen.revision);
        let (seen, known) = (self.originals.get(id), known.originals.get(id));
        match is_older(seen) {
            false => self.originals.insert(id, shown),
            true if was_passed(seen, known, Some(shown)) && !is_older(known) => {}
            true => binding.contradict(),
        }
    }

    /// Remembers what this session wrote itself: also another life of an item. Not what a later write has passed, whose reply
    /// came first.
    pub(super) fn wrote_item(&mut self, id: &Id, written: Seen) {
        let passes = |seen: Seen| seen.birth != written.birth || seen.revision < written.revision;
        let seen = self.items.get(id.as_str());
        if let Some(seen) = seen.filter(|seen| seen.birth != written.birth) {
            self.ended.insert(&life(id.as_str(), seen.birth), ());
        }
        if seen.is_none_or(passes) {
            self.items.insert(id.as_str(), written);
        }
    }

    /// Remembers that the user left no value in the item that vouches for it: in this life, if it is known, for another
    /// device may have begun the next one.
    pub(super) fn emptied_item(&mut self, id: &Id, life: Option<Birth>) {
        let is_that_life = |seen: &Seen| life.is_none_or(|life| life == seen.birth);
        if let Some(seen) = self.items.get(id.as_str()).filter(is_that_life) {
            self.items.insert(id.as_str(), Seen { revision: Seen::EMPTIED, ..seen });
        }
    }

    /// Whether another key pair was seen first in this connection.
    pub(super) fn knows_another_pair(&self, connection: &Id, own: &str) -> bool {
        self.pairs.get(connection.as_str()).is_some_and(|seen| seen != own)
    }

    /// Whether this key pair was seen first in another connection.
    pub(super) fn knows_another_connection(&self, own: &str, connection: &Id) -> bool {
        self.connections.get(own).is_some_and(|seen| seen != connection.as_str())
    }

    /// Whether another key was seen first over this key pair.
    pub(super) fn knows_another_peer(&self, own: &str, peer: &str) -> bool {
        self.peers.get(own).is_some_and(|seen| seen != peer)
    }

    /// Remembers the keys of a connection.
    pub(super) fn see_connection(&mut self, connection: &Id, own: &str, peer: &str) {
        self.pin(own, peer);
        self.pairs.insert(connection.as_str(), own.to_owned());
        self.connections.insert(own, connection.as_str().to_owned());
    }

    /// Remembers a key that the user named, which stands above one that was seen.
    pub(super) fn name(&mut self, own: &str, peer: &str) {
        self.named.insert(own, peer.to_owned());
        self.pin(own, peer);
    }

    /// Remembers a key that was seen or noted.
    pub(super) fn pin(&mut self, own: &str, peer: &str) {
        self.peers.insert(own, peer.to_owned());
    }

    /// Fingerprint of the key that was seen over this key pair.
    pub(super) fn peer_of(&self, own: &str) -> Option<String> {
        self.peers.get(own)
    }

    /// Remembers that somebody proved to have shared this item, or something over this key pair.
    pub(super) fn see_proof(&mut self, of: &str) {
        self.proven.insert(of, ());
    }

    pub(super) fn has_seen_proof(&self, of: &str) -> bool {
        self.proven.get(of).is_some()
    }

    /// Remembers that a key pair is a connection's now.
    pub(super) fn publish(&mut self, own: &str) {
        self.published.insert(own, ());
    }

    pub(super) fn is_published(&self, own: &str) -> bool {
        self.published.get(own).is_some() || self.peers.get(own).is_some()
    }

    /// Fingerprint of the key that was seen over this connection.
    pub(super) fn peer_in(&self, connection: &Id) -> Option<String> {
        self.peers.get(&self.pairs.get(connection.as_str())?)
    }

    /// Remembers what a share was granted for; `BAD_RESPONSE` where it was seen to be for something else.
    pub(super) fn check_share(&mut self, share: &Id, key: RevokedKey, granted_at: u64) -> Result<()> {
        match self.shares.get(share.as_str()) {
            Some((seen, _)) if seen != key.0 => Err(bad_response("the server shows one share for another")),
            _ => {
                self.remember_share(share, key, granted_at);
                Ok(())
            }
        }
    }

    /// Of several grants of one share the latest counts: whoever takes the share back means them all.
    pub(super) fn remember_share(&mut self, share: &Id, key: RevokedKey, granted_at: u64) {
        let earlier = self.shares.get(share.as_str()).filter(|(seen, _)| *seen == key.0);
        let granted_at = earlier.map_or(granted_at, |(_, at)| at.max(granted_at));
        self.shares.insert(share.as_str(), (key.0, granted_at));
    }

    /// Takes back what a share was seen to be granted for; whether it was seen.
    pub(super) fn revoke_share(&mut self, share: &Id, now: u64) -> bool {
        let Some((key, granted_at)) = self.shares.get(share.as_str()) else { return false };
        self.revoke(&RevokedKey(key), now.max(granted_at));
        true
    }

    /// Takes every grant back that has been given until then, to this key for this item and scope.
    pub(super) fn revoke(&mut self, key: &RevokedKey, at: u64) {
        let at = self.revoked.get(&key.0).map_or(at, |before| before.max(at));
        self.revoked.insert(&key.0, at);
    }

    /// As [`Memory::revoke`], for all that was granted to a key; also by a device whose clock is ahead.
    pub(super) fn revoke_peer(&mut self, peer: &str, now: u64) {
        let granted = self.shares.values().filter(|(key, _)| RevokedKey::peer_of(key) == Some(peer)).map(|(_, at)| *at);
        let at = granted.max().map_or(now, |granted| granted.max(now));
        self.revoke(&RevokedKey::of_peer(peer), at);
    }

    pub(super) fn is_revoked(&self, key: &RevokedKey, granted_at: u64) -> bool {
        self.revoked_at(key).is_some_and(|at| granted_at <= at)
    }

    /// Until when everything that was granted like this is taken back.
    pub(super) fn revoked_at(&self, key: &RevokedKey) -> Option<u64> {
        self.revoked.get(&key.0)
    }

    /// Whether the item was seen in a life that is not of this birth.
    pub(super) fn has_seen_another_life(&self, id: &Id, birth: Birth) -> bool {
        self.items.get(id.as_str()).is_some_and(|seen| seen.birth != birth)
    }
}

fn life(item: &str, birth: Birth) -> String {
    format!("{item}/{birth}")
}

/// What an item that the server shows is beside one that was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Fits,
    Older,
    Contradicts,
}

impl Judgement {
    /// `shown` is `None` where no value vouches for the item.
    fn of(seen: Option<Seen>, shown: Option<Seen>, has_values: bool) -> Self {
        let (Some(seen), Some(shown)) = (seen, shown) else {
            // With every value withheld, a server could show any words, and the next write would vouch for them.
            let is_withheld = |seen: Seen| shown.is_none() && (has_values || seen.revision != Seen::EMPTIED);
            return if seen.is_some_and(is_withheld) { Judgement::Contradicts } else { Judgement::Fits };
        };
        if seen.birth != shown.birth {
            // Another life of an item that this session emptied.
            return if seen.revision == Seen::EMPTIED { Judgement::Fits } else { Judgement::Contradicts };
        }
        let known = shown.ciphertexts.zip(seen.ciphertexts);
        let is_of_that_write = shown.state == seen.state && known.is_none_or(|(shown, seen)| shown == seen);
        match shown.revision.cmp(&seen.revision) {
            Ordering::Less => Judgement::Older,
            Ordering::Equal if !is_of_that_write => Judgement::Contradicts,
            Ordering::Equal | Ordering::Greater => Judgement::Fits,
        }
    }
}

/// Whether an item that was asked for may have been newer than `shown` only since then: `seen` is what the session has seen
/// by now, `known` what it had when it asked. Content of one revision has only one form, whenever it is shown.
fn was_passed(seen: Option<Seen>, known: Option<Seen>, shown: Option<Seen>) -> bool {
    match (seen, shown) {
        (Some(seen), Some(shown)) if seen.birth == shown.birth => shown.revision < seen.revision,
        (Some(_), Some(shown)) => known.is_some_and(|known| known.birth == shown.birth),
        (_, None) | (None, _) => true,
    }
}

/// What is taken back: an item's scope from a key, or everything from it.
pub(super) struct RevokedKey(String);

impl RevokedKey {
    pub(super) fn of_grant(item: &Id, birth: Birth, peer: &str, scope: Option<&Id>) -> Self {
        RevokedKey(format!("{item}/{birth}/{peer}/{}", scope.map_or("", Id::as_str)))
    }

    /// Fingerprint of the key that a [`RevokedKey::of_grant`] is for. Neither it nor the scope behind it has a `/`.
    fn peer_of(grant: &str) -> Option<&str> {
        grant.rsplit('/').nth(1)
    }

    /// Of a connection that was ended.
    pub(super) fn of_peer(peer: &str) -> Self {
        RevokedKey(peer.to_owned())
    }
}

/// A bounded map that forgets what was inserted first, and whose copies share its entries until one of them changes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Newest<T> {
    entries: Rc<BTreeMap<Rc<str>, (u64, T)>>,
    inserted: u64,
    /// How many of the insertions said something new.
    #[serde(skip)]
    learnt: u64,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Newest { entries: Rc::default(), inserted: 0, learnt: 0 }
    }
}

impl<T: Clone + PartialEq> Newest<T> {
    fn get(&self, key: &str) -> Option<T> {
        self.entries.get(key).map(|(_, value)| value.clone())
    }

    fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.values().map(|(_, value)| value)
    }

    fn insert(&mut self, key: &str, value: T) {
        self.inserted += 1;
        self.learnt += u64::from(self.entries.get(key).is_none_or(|(_, known)| *known != value));
        let entries = Rc::make_mut(&mut self.entries);
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(key) {
            let mut order: Vec<u64> = entries.values().map(|&(inserted, _)| inserted).collect();
            order.sort_unstable();
            let middle = order.get(MAX_ENTRIES / 2).copied().unwrap_or_default();
            entries.retain(|_, (inserted, _)| *inserted > middle);
        }
        entries.insert(Rc::from(key), (self.inserted, value));
    }

    /// Adds the other map's entries, in their order. `both` says what stands of a key that both have: the other's value and
    /// this one's.
    fn merge(&mut self, other: Newest<T>, both: impl Fn(&str, &T, &T) -> T) {
        let mut entries: Vec<(&Rc<str>, &(u64, T))> = other.entries.iter().collect();
        entries.sort_unstable_by_key(|(_, (inserted, _))| *inserted);
        for (key, (_, value)) in entries {
            match self.get(key) {
                None => self.insert(key, value.clone()),
                Some(now) => {
                    let stands = both(key, value, &now);
                    if stands != now {
                        self.insert(key, stands);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, share_id: Option<&str>) -> items::Item {
        let text = serde_json::json!({ "id": id, "share_id": share_id });
        serde_json::from_value(text).unwrap()
    }

    fn seen(birth: &str, revision: u32) -> Binding {
        let state = crate::crypto::places::StateDigest::FITS_NOTHING;
        Binding { birth: Some(Birth::of_operation(birth)), revision, sealed: Some(state), ..Binding::default() }
    }

    /// Whoever knows a user's public key can make shares for them, by any id and as many as are fetched.
    #[test]
    fn no_received_items_make_a_session_forget_an_own_one() {
        let mut memory = Memory::default();
        memory.check_item(&memory.clone(), &item("own", None), &mut seen("a", 2), true).unwrap();
        for number in 0..=MAX_ENTRIES {
            let received = item("copy", Some(&number.to_string()));
            memory.check_item(&Memory::default(), &received, &mut seen("b", 1), true).unwrap();
        }
        memory.check_item(&memory.clone(), &item("copy", Some("own")), &mut seen("a", 9), true).unwrap();
        let earlier = memory.check_item(&memory.clone(), &item("own", None), &mut seen("a", 1), true);
        assert_eq!(earlier.unwrap_err().code(), ErrorCode::RolledBack);
        memory.check_item(&memory.clone(), &item("own", None), &mut seen("a", 2), true).unwrap();
    }

    fn check(memory: &mut Memory, known: &Memory, shown: &mut Binding) -> Option<ErrorCode> {
        memory.check_item(known, &item("own", None), shown, true).err().map(|error| error.code())
    }

    /// Two replies may come in the other order than they were made.
    #[test]
    fn a_reply_is_held_against_what_was_known_when_it_was_asked_for() {
        let mut memory = Memory::default();
        assert_eq!(check(&mut memory, &Memory::default(), &mut seen("a", 2)), None);
        let known = memory.clone();
        assert_eq!(check(&mut memory, &known, &mut seen("a", 4)), None);
        let (mut as_asked, mut between) = (seen("a", 2), seen("a", 3));
        assert_eq!(check(&mut memory, &known, &mut as_asked), None);
        assert_eq!(check(&mut memory, &known, &mut between), None);
        assert!(!as_asked.contradicted && !between.contradicted);
        assert_eq!(check(&mut memory, &known, &mut seen("a", 1)), Some(ErrorCode::RolledBack));

        // What passed in the meantime stays remembered, and later requests have to show it.
        let known = memory.clone();
        assert_eq!(check(&mut memory, &known, &mut seen("a", 3)), Some(ErrorCode::RolledBack));
        assert_eq!(check(&mut memory, &known, &mut seen("a", 4)), None);
    }

    /// However they are interleaved, nothing has two contents in one revision, or a life of which nothing was known.
    #[test]
    fn an_interleaved_reply_shows_no_other_content() {
        let mut memory = Memory::default();
        let known = Memory::default();
        assert_eq!(check(&mut memory, &known, &mut seen("a", 4)), None);
        let digest = crate::crypto::places::ciphertexts_digest(Vec::new());
        for mut shown in [Binding { sealed: Some(digest), ..seen("a", 4) }, seen("b", 1)] {
            assert_eq!(check(&mut memory, &known, &mut shown), None);
            assert!(shown.contradicted);
        }
    }

    #[test]
    fn a_late_reply_to_a_write_takes_back_no_later_one() {
        let mut memory = Memory::default();
        let id = Id::parse("own").unwrap();
        memory.wrote_item(&id, seen("a", 4).seen().unwrap());
        memory.wrote_item(&id, seen("a", 3).seen().unwrap());
        let known = memory.clone();
        assert_eq!(check(&mut memory, &known, &mut seen("a", 3)), Some(ErrorCode::RolledBack));

        memory.wrote_item(&id, seen("b", 1).seen().unwrap());
        memory.emptied_item(&id, Some(Birth::of_operation("a")));
        let known = memory.clone();
        assert_eq!(check(&mut memory, &known, &mut seen("b", 1)), None);
    }

    /// A session of another page has what it saw last, and stores that.
    #[test]
    fn what_another_session_has_not_noticed_brings_nothing_back() {
        let (id, mut first) = (Id::parse("own").unwrap(), Memory::default());
        first.wrote_item(&id, seen("a", 5).seen().unwrap());
        let mut second = first.clone();

        // Another life of the item.
        first.wrote_item(&id, seen("b", 4).seen().unwrap());
        for _ in 0..2 {
            first.merge(second.clone());
            second.merge(first.clone());
        }
        for memory in [&mut first, &mut second] {
            let known = memory.clone();
            assert_eq!(check(memory, &known, &mut seen("b", 3)), Some(ErrorCode::RolledBack));
            let mut over = seen("a", 5);
            assert_eq!(check(memory, &known, &mut over), None);
            assert!(over.contradicted);
        }

        // Which of two writes of one revision it was.
        let digest = |tag| crate::crypto::places::ciphertexts_digest(vec![tag]);
        let written = Seen { ciphertexts: Some(digest([7; 16])), ..seen("b", 6).seen().unwrap() };
        second.wrote_item(&id, Seen { ciphertexts: None, ..written });
        first.wrote_item(&id, written);
        second.merge(first.clone());
        first.merge(second.clone());
        assert_eq!([first.items.get("own"), second.items.get("own")], [Some(written); 2]);

        // A key that the user has named: on either page, whichever merges first.
        for turn in [false, true] {
            let (mut named, mut other) = (Memory::default(), Memory::default());
            other.pin("own", "first");
            named.pin("own", "first");
            named.name("own", "second");
            if turn {
                named.merge(other.clone());
            }
            other.merge(named.clone());
            named.merge(other.clone());
            assert_eq!(
                [named.peer_of("own"), other.peer_of("own")],
                [Some("second".to_owned()), Some("second".to_owned())]
            );
        }
    }

    #[test]
    fn what_says_nothing_new_is_not_learnt() {
        let mut memory = Memory::default();
        memory.pin("own", "peer");
        memory.revoke(&RevokedKey::of_peer("peer"), 5);
        let version = memory.version();
        memory.pin("own", "peer");
        memory.revoke(&RevokedKey::of_peer("peer"), 4);
        memory.merge(memory.clone());
        assert_eq!(memory.version(), version);
        memory.see_proof("own");
        assert!(memory.version() > version);
    }
}
