//! Re-encrypting an item for its recipients after a change: what the `update_item_shares` task asks for.
//! `docs/protocol/http-api.md` §9.2 and §9.3, `docs/protocol/additional-data.md`.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{
    Item, ProgressListener, Session,
    concurrency::join_all,
    encrypt::encrypt_for_share,
    grants::{Grant, OnShareSignature, birth_of, check_until, parse_signed},
    pins::public_key,
    provenance::{SignedContent, sign_content},
    refusals::ciphertext,
    session::Keys,
    share_requests::{BYTES_PER_REQUEST, deks_of_part, in_parts, shares_per_request},
};
use crate::{
    api::{
        Id, Timestamp,
        vault::{
            self,
            shares::{ItemShare, ItemSharesRefresh, ShareDek, ShareSlotValue},
        },
    },
    crypto::{DataKey, PublicKey, places::Birth},
    error::{Error, ErrorCode, Result},
};

/// How often a refresh is attempted of an item that changes meanwhile.
const MAX_ATTEMPTS: usize = 5;

/// What a refresh did.
#[derive(Clone, Debug, Default)]
pub struct Refreshed {
    /// Shares that the item was re-encrypted for.
    pub shares: usize,
    /// Those of them that were made by somebody whom the owner permitted to share on.
    pub on_shares: usize,
    /// Shares that the server lists and that got nothing.
    pub left_out: Vec<LeftOut>,
}

impl Refreshed {
    /// For the server: numbers, and nothing that it does not know.
    pub(super) fn counts(&self) -> RefreshedCounts {
        let Refreshed { shares, on_shares, left_out } = self;
        RefreshedCounts { shares: *shares, on_shares: *on_shares, left_out: left_out.len() }
    }
}

/// The report of the client task.
#[derive(Serialize)]
pub(super) struct RefreshedCounts {
    shares: usize,
    on_shares: usize,
    left_out: usize,
}

/// A share that a refresh left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// As the server tells it.
    pub share_id: Id,
    /// As the server tells it; `None` where it does not.
    pub recipient_id: Option<Id>,
    /// The one slot that it is of, as the server tells it; `None` for the whole item.
    pub slot_id: Option<Id>,
    /// Of the key that the server lists; `None` where that is no usable key.
    pub fingerprint: Option<String>,
    /// When it ends, as the server tells it.
    pub expires_at: Option<Timestamp>,
    /// Why.
    pub why: LeftOutReason,
}

/// Why a share was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LeftOutReason {
    /// No client of this user has noted that it may be encrypted for.
    #[serde(rename = "no grant")]
    NoGrant,
    /// It is noted for another key.
    #[serde(rename = "key changed")]
    KeyChanged,
    /// Its time is over.
    #[serde(rename = "expired")]
    Expired,
    /// It was shared on by somebody who may not, or not this much.
    #[serde(rename = "not permitted")]
    NotPermitted,
    /// This session took it back.
    #[serde(rename = "revoked")]
    Revoked,
}

impl LeftOutReason {
    /// As JavaScript and the command line show it.
    pub fn as_str(self) -> &'static str {
        match self {
            LeftOutReason::NoGrant => "no grant",
            LeftOutReason::KeyChanged => "key changed",
            LeftOutReason::Expired => "expired",
            LeftOutReason::NotPermitted => "not permitted",
            LeftOutReason::Revoked => "revoked",
        }
    }
}

/// A share that the user lets in: by what was shown of it, since the server could exchange the key under a share's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncludedShare {
    /// [`LeftOut::share_id`].
    pub share_id: Id,
    /// [`LeftOut::fingerprint`].
    pub fingerprint: String,
    /// The one slot that they may read; `None` for the whole item.
    pub scope: Option<Id>,
    /// Whether they may share it on.
    pub on_sharing: bool,
    /// When it ends; where absent, when the server says that the share does.
    pub expires_at: Option<Timestamp>,
}

/// A share that the item is encrypted for, and the one slot of it that they get.
struct Recipient {
    share_id: Id,
    key: PublicKey,
    scope: Option<Id>,
    /// A new grant, of a share that is let in.
    grant: Option<String>,
    /// Fingerprint of the author whom the recipient was told of, for this life of the item. Another's signature of the values
    /// would be none that they can check; `None` where they were told of nobody.
    author: Option<String>,
}

impl Session {
    /// Re-encrypts an own item for everyone it is shared with, under one fresh DEK for each scope.
    ///
    /// The recipients come from the server, which could invent one. So only those count whose grant this user's clients
    /// wrote, or who were let in by `include`, and those for whom such a recipient signed; the others are left out and
    /// named. Nothing is fetched for each recipient.
    ///
    /// If another client changes the item meanwhile, the refresh is repeated: in a race of two clients, the slower one
    /// would otherwise overwrite new values with old ones.
    ///
    /// `ITEM_CHANGED` and `UNBOUND_VALUE` as [`Session::create_share`].
    pub async fn refresh_shares(
        &self,
        item_id: &Id,
        include: &[IncludedShare],
        progress: &ProgressListener,
    ) -> Result<Refreshed> {
        self.keys()?;
        include.iter().try_for_each(|included| check_until(included.expires_at.as_ref()))?;
        progress.report("fetching item and shares", 0, 3);
        let mut item = self.get_own_item(item_id).await?;
        for _ in 0..MAX_ATTEMPTS {
            let refreshed = self.refresh_once(&item, include, progress).await?;
            if refreshed.shares == 0 {
                return Ok(refreshed);
            }
            let now = self.get_own_item(item_id).await?;
            if item.shows(&now.version()) {
                progress.report("updated", 3, 3);
                return Ok(refreshed);
            }
            item = now;
        }
        Err(Error::new(ErrorCode::Conflict, "the item keeps changing while its shares are updated"))
    }

    async fn refresh_once(
        &self,
        item: &Item,
        include: &[IncludedShare],
        progress: &ProgressListener,
    ) -> Result<Refreshed> {
        let shares = vault::shares::of_item(self.vault(), &item.record.id).await?.shares;
        self.pause().await;
        if shares.is_empty() && include.is_empty() {
            return Ok(Refreshed::default());
        }
        let (by_scope, refreshed) = recipients_of(self, item, shares, include).await?;
        progress.report("encrypting", 1, 3);
        for (scope, recipients) in by_scope {
            // Whoever has one slot's DEK could read all that is encrypted under it, if the server handed it out.
            let dek = DataKey::generate()?;
            let encrypted = encrypt_for_share(&dek, item, scope.as_ref()).await?;
            let signature = match recipients.iter().any(|recipient| recipient.author.is_some()) {
                true => Some(sign_content(&*self.author_key().await?, item, scope.as_ref(), &encrypted).await?),
                false => None,
            };
            progress.report("updating the shares", 2, 3);
            for recipients in recipients.chunks(shares_per_request(&encrypted.values)) {
                let deks = wrap_for_each(&dek, signature.as_ref(), recipients).await?;
                for (part, values) in in_parts(&encrypted.values, BYTES_PER_REQUEST).into_iter().enumerate() {
                    let change = refresh_request(deks_of_part(part, &deks), values, recipients);
                    // Serializing it takes some ten milliseconds.
                    self.pause().await;
                    vault::shares::update_of_item(self.vault(), &item.record.id, &change).await?;
                }
            }
        }
        Ok(refreshed)
    }
}

/// The recipients that count, by scope, and what is said of the others.
async fn recipients_of(
    session: &Session,
    item: &Item,
    shares: Vec<ItemShare>,
    include: &[IncludedShare],
) -> Result<(BTreeMap<Option<Id>, Vec<Recipient>>, Refreshed)> {
    let keys = &session.keys()?;
    let birth = birth_of(item)?;
    let include: HashMap<&Id, &IncludedShare> = include.iter().map(|included| (&included.share_id, included)).collect();
    let mut judged = Vec::with_capacity(shares.len());
    for (index, share) in shares.iter().enumerate() {
        session.pause_between(index).await;
        judged.push(judge(keys, item, birth, share, include.get(&share.id).copied()).await);
    }
    let mut signers = Signers::new();
    for granted in judged.iter().flatten() {
        if granted.grant.on {
            signers.entry(granted.grant.to.as_str()).or_default().push(granted);
        }
    }
    let mut by_scope: BTreeMap<Option<Id>, Vec<Recipient>> = BTreeMap::new();
    let mut refreshed = Refreshed::default();
    for (share, judged) in shares.iter().zip(&judged) {
        let recipient = match judged {
            Ok(granted) => {
                let is_new = include.contains_key(&share.id);
                let grant = if is_new { Some(keys.seal_grant(&granted.grant, item).await?) } else { None };
                let Grant { scope, author, .. } = granted.grant.clone();
                let key = granted.key.clone();
                if is_new {
                    keys.remember_share(&share.id, &granted.grant, &item.record.id, birth);
                }
                Ok(Recipient { share_id: share.id.clone(), key, scope, grant, author })
            }
            Err(LeftOutReason::NoGrant) if share.on_share.is_some() => {
                let recipient = shared_on(keys, item, birth, share, &signers).await;
                refreshed.on_shares += usize::from(recipient.is_ok());
                recipient
            }
            Err(why) => Err(*why),
        };
        match recipient {
            Ok(recipient) => {
                refreshed.shares += 1;
                by_scope.entry(recipient.scope.clone()).or_default().push(recipient);
            }
            Err(why) => refreshed.left_out.push(LeftOut {
                share_id: share.id.clone(),
                recipient_id: share.recipient_id.clone(),
                slot_id: share.slot_id.clone(),
                fingerprint: public_key(&share.public_key).ok().map(|key| key.fingerprint()),
                expires_at: share.expires_at.clone(),
                why,
            }),
        }
    }
    Ok((by_scope, refreshed))
}

/// Who may share on, by fingerprint, with what lets them.
type Signers<'a> = HashMap<&'a str, Vec<&'a Granted>>;

/// A share with its grant.
struct Granted {
    key: PublicKey,
    grant: Grant,
}

/// Whether the owner granted a share. How much of the item they get is the grant's to say, and never the row's.
async fn judge(
    keys: &Keys,
    item: &Item,
    birth: Birth,
    share: &ItemShare,
    included: Option<&IncludedShare>,
) -> Result<Granted, LeftOutReason> {
    let key = public_key(&share.public_key).map_err(|_| LeftOutReason::KeyChanged)?;
    let grant = match included {
        Some(included) if included.fingerprint != key.fingerprint() => return Err(LeftOutReason::KeyChanged),
        Some(IncludedShare { fingerprint, scope, on_sharing, expires_at, .. }) => {
            let until = expires_at.as_ref().or(share.expires_at.as_ref()).cloned();
            let grant = Grant::new(fingerprint.clone(), scope.clone(), *on_sharing, until);
            keys.new_grant(grant, &item.record.id, birth)
        }
        None => {
            let grant = keys.open_grant(share.grant.as_deref(), item).await.ok_or(LeftOutReason::NoGrant)?;
            // Remembered, for when it is taken back. Another share may have been seen under this id: ids are the server's, and
            // the grant was given all the same.
            let _ = keys.check_share(&share.id, &grant, &item.record.id, birth);
            grant
        }
    };
    if grant.to != key.fingerprint() {
        return Err(LeftOutReason::KeyChanged);
    }
    // With its slot a share of one slot ends.
    if grant.has_expired() || !has_slot(item, grant.scope.as_ref()) {
        return Err(LeftOutReason::Expired);
    }
    if keys.is_revoked(&grant, &item.record.id, birth) {
        return Err(LeftOutReason::Revoked);
    }
    Ok(Granted { key, grant })
}

/// Whether somebody whom a grant permits it has signed that this recipient may read the item. Scope is the narrower of both.
async fn shared_on(
    keys: &Keys,
    item: &Item,
    birth: Birth,
    share: &ItemShare,
    signers: &Signers<'_>,
) -> Result<Recipient, LeftOutReason> {
    let key = public_key(&share.public_key).map_err(|_| LeftOutReason::KeyChanged)?;
    let signature =
        share.on_share.as_deref().and_then(parse_signed::<OnShareSignature>).ok_or(LeftOutReason::NoGrant)?;
    let grants = signers.get(signature.by.as_str()).ok_or(LeftOutReason::NotPermitted)?;
    let signer = grants.first().ok_or(LeftOutReason::NotPermitted)?;
    let scope = share.slot_id.as_ref();
    if !signature.is_of(&signer.key, (&item.record.id, birth), scope, &key).await {
        return Err(LeftOutReason::NotPermitted);
    }
    let given = signature.grant(&key, scope, share.expires_at.clone());
    if given.has_expired() || !has_slot(item, scope) {
        return Err(LeftOutReason::Expired);
    }
    if keys.is_revoked(&given, &item.record.id, birth) {
        return Err(LeftOutReason::Revoked);
    }
    // Somebody may have one slot by one share and the whole item by another.
    let scopes = || grants.iter().map(|granted| granted.grant.scope.as_ref());
    let scope = match scope {
        _ if scopes().any(|granted| granted.is_none() || granted == scope) => scope,
        Some(_) => return Err(LeftOutReason::NotPermitted),
        None => scopes().flatten().min(),
    };
    let scope = scope.cloned();
    // For when the owner takes it back.
    let _ = keys.check_share(&share.id, &given, &item.record.id, birth);
    let author = signer.grant.author.clone();
    Ok(Recipient { share_id: share.id.clone(), key, scope, grant: None, author })
}

fn has_slot(item: &Item, scope: Option<&Id>) -> bool {
    scope.is_none_or(|scope| item.slots.iter().any(|slot| slot.record.id == *scope))
}

/// The DEK, encrypted for each recipient, with their sender's signature of the values.
async fn wrap_for_each(
    dek: &DataKey,
    signature: Option<&SignedContent>,
    recipients: &[Recipient],
) -> Result<Vec<ShareDek>> {
    let encrypted_deks = join_all(recipients.iter().map(|recipient| recipient.key.wrap_data_key(dek))).await;
    let mut share_deks = Vec::with_capacity(recipients.len());
    for (recipient, encrypted_dek) in recipients.iter().zip(encrypted_deks) {
        let (share_id, grant) = (recipient.share_id.clone(), recipient.grant.clone());
        let of_their_author = |signed: &&SignedContent| recipient.author.as_ref() == Some(&signed.author);
        let content_signature = signature.filter(of_their_author).map(|signed| signed.text.clone());
        share_deks.push(ShareDek { share_id, dek: ciphertext(encrypted_dek?)?, grant, content_signature });
    }
    Ok(share_deks)
}

/// All shares of a scope get the same ciphertexts of the values.
fn refresh_request<'a>(
    (share_deks, continued_deks): (Vec<ShareDek>, Vec<ShareDek>),
    values: &'a [ShareSlotValue],
    recipients: &'a [Recipient],
) -> ItemSharesRefresh<'a> {
    let mut slot_values = Vec::with_capacity(recipients.len() * values.len());
    for Recipient { share_id, .. } in recipients {
        slot_values.extend(values.iter().map(|value| value.of_share(share_id)));
    }
    ItemSharesRefresh { share_deks, continued_deks, slot_values, client_tasks: Vec::new() }
}
