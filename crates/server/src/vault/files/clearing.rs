//! What goes by itself: uploads that nothing was made of, attachments that no slot stands for, and the objects of whatever
//! was deleted.

use sqlx::AnyConnection;

use crate::{
    clock::{Millis, millis},
    error::Result,
    service::Service,
    vault::{
        Vault,
        records::{attachments, blobs, deleted_objects},
    },
};

/// How many blobs go in one transaction at most, and how many blocks: others write in between.
const BLOBS: i64 = 100;
const BLOCKS: i64 = 20_000;

/// How many attachments are looked at in one transaction.
const ATTACHMENTS: i64 = 500;

/// How long an object outlasts its rows: who reads it goes on, and a block that was on its way when its upload was deleted has
/// come, and goes too.
const OBJECTS_OUTLAST_ROWS: Millis = 60 * 60 * 1000;

/// After so many failures the rest waits for the next round: the storage is likely out of reach, and each attempt takes minutes
/// then.
const FAILURES: usize = 5;

/// Deletes what nobody uses any more, some at a time.
pub(in crate::vault) async fn clear(vault: &Vault) -> Result<()> {
    let now = vault.clock().now();
    let unused_since = now - millis(vault.limits().unused_files);
    loop {
        let forgotten = blobs::some_forgotten(&mut *vault.store().read_once().await?, unused_since, BLOBS).await?;
        if forgotten.is_empty() {
            break;
        }
        let mut tx = vault.store().write().await?;
        // Once more: one may have been gone on with.
        let forgotten = blobs::some_forgotten(&mut tx, unused_since, BLOBS).await?;
        blobs::delete(&mut tx, &fitting(forgotten), now).await?;
        tx.commit().await?;
    }
    note_use(vault, now).await?;
    loop {
        let mut tx = vault.store().write().await?;
        let Some(id) = attachments::one_unused(&mut tx, unused_since).await? else { break };
        attachments::delete(&mut tx, &id, now).await?;
        tx.commit().await?;
    }
    delete_objects(vault, now).await
}

/// As many of these as one transaction deletes, by their keys.
fn fitting(blobs: Vec<(String, i64)>) -> Vec<String> {
    let mut blocks = 0;
    let fitting = blobs.into_iter().enumerate().take_while(|(index, (_, of_blob))| {
        blocks += of_blob;
        *index == 0 || blocks <= BLOCKS
    });
    fitting.map(|(_, (key, _))| key).collect()
}

/// Notes since when attachments are unused. Slots go in many ways, with items, shares and users: they are looked for here, without
/// keeping anybody from writing.
async fn note_use(vault: &Vault, now: Millis) -> Result<()> {
    let mut last = String::new();
    loop {
        let ids = attachments::some_misnoted(&mut *vault.store().read_once().await?, &last, ATTACHMENTS).await?;
        let Some(id) = ids.last() else { return Ok(()) };
        let mut tx = vault.store().write().await?;
        attachments::note_use(&mut tx, &ids, now).await?;
        tx.commit().await?;
        last.clone_from(id);
    }
}

/// Deletes the objects of what was deleted. One that cannot be is tried again an hour later, behind the others: else it would keep
/// all that come after it.
async fn delete_objects(vault: &Vault, now: Millis) -> Result<()> {
    let due = now - OBJECTS_OUTLAST_ROWS;
    let mut failures = 0;
    while failures < FAILURES {
        let objects = deleted_objects::find_before(&mut *vault.store().read_once().await?, due).await?;
        if objects.is_empty() {
            return Ok(());
        }
        let (mut gone, mut left) = (Vec::new(), Vec::new());
        for object in objects {
            match vault.storage().delete(&object).await {
                Ok(()) => gone.push(object),
                Err(error) => {
                    tracing::warn!(%error, object, "an object cannot be deleted yet");
                    left.push(object);
                    failures += 1;
                }
            }
            if failures == FAILURES {
                break;
            }
        }
        let mut tx = vault.store().write().await?;
        deleted_objects::forget(&mut tx, &gone).await?;
        deleted_objects::put_off(&mut tx, &left, now).await?;
        tx.commit().await?;
    }
    tracing::warn!("too many objects cannot be deleted: the rest waits");
    Ok(())
}

/// Deletes some files of a user, and says whether these were all.
pub(in crate::vault) async fn delete_some_of_user(db: &mut AnyConnection, user_id: &str, now: Millis) -> Result<bool> {
    let found = blobs::some_of_user(db, user_id, BLOBS).await?;
    if found.is_empty() {
        attachments::delete_emptied_of(db, user_id).await?;
        return Ok(true);
    }
    blobs::delete(db, &fitting(found), now).await?;
    Ok(false)
}
