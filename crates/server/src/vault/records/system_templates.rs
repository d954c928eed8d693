//! The templates that every user has: `system_templates.json`, written to the database at each start with ids that
//! never change.

use serde::Deserialize;
use sqlx::AnyConnection;
use uuid::Uuid;

use crate::{clock::Clock, error::Result, store::Store};

const SCHEME: &str = "esafe";
const NODE: &str = "esafe_templates";
/// The namespace of the ids (UUID version 5). It must never change.
const IDS: Uuid = Uuid::from_u128(0x3f0b_5d1c_8a7e_4c52_9d61_7be2_04a9_c6f8);

#[derive(Deserialize)]
struct File {
    /// Slots that every template ends with; command lines hide them.
    common_slots: Vec<Slot>,
    templates: Vec<Template>,
}

#[derive(Deserialize)]
struct Template {
    name: String,
    label: String,
    description: String,
    slots: Vec<Slot>,
}

#[derive(Deserialize)]
struct Slot {
    name: String,
    label: String,
    #[serde(rename = "type")]
    slot_type_name: String,
}

/// Inserts or updates all system templates.
pub(crate) async fn seed(store: &Store, clock: &Clock) -> Result<()> {
    let file: File = serde_json::from_str(include_str!("system_templates.json"))?;
    let mut tx = store.write().await?;
    let node_id = derive_id(&format!("node/{SCHEME}/{NODE}"));
    upsert_node(&mut tx, &node_id, clock).await?;
    for (ordinal, template) in (1..).zip(&file.templates) {
        let template_id = derive_id(&format!("template/{}", template.name));
        upsert_template(&mut tx, &template_id, template, ordinal, &node_id, clock).await?;
        for (ordinal, slot) in (1..).zip(template.slots.iter().chain(&file.common_slots)) {
            let slot_id = derive_id(&format!("template/{}/{}", template.name, slot.name));
            upsert_slot(&mut tx, &slot_id, &template_id, slot, ordinal, clock).await?;
        }
    }
    Ok(tx.commit().await?)
}

fn derive_id(name: &str) -> String {
    Uuid::new_v5(&IDS, name.as_bytes()).to_string()
}

async fn upsert_node(db: &mut AnyConnection, id: &str, clock: &Clock) -> Result<()> {
    sqlx::query(
        "INSERT INTO classification_nodes (id, user_id, scheme, name, label, sequence) \
         VALUES ($1, NULL, $2, $3, 'Templates', $4) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .bind(SCHEME)
    .bind(NODE)
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(())
}

async fn upsert_template(
    db: &mut AnyConnection,
    id: &str,
    template: &Template,
    ordinal: i64,
    node_id: &str,
    clock: &Clock,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO item_templates \
         (id, user_id, name, label, description, ordinal, classification_node_id, updated_at, sequence) \
         VALUES ($1, NULL, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE \
         SET label = excluded.label, description = excluded.description, ordinal = excluded.ordinal",
    )
    .bind(id)
    .bind(&template.name)
    .bind(&template.label)
    .bind(&template.description)
    .bind(ordinal)
    .bind(node_id)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(())
}

async fn upsert_slot(
    db: &mut AnyConnection,
    id: &str,
    template_id: &str,
    slot: &Slot,
    ordinal: i64,
    clock: &Clock,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO template_slots (id, template_id, name, label, slot_type_name, ordinal, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE \
         SET label = excluded.label, slot_type_name = excluded.slot_type_name, ordinal = excluded.ordinal",
    )
    .bind(id)
    .bind(template_id)
    .bind(&slot.name)
    .bind(&slot.label)
    .bind(&slot.slot_type_name)
    .bind(ordinal)
    .bind(clock.now())
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thirteen_templates_of_the_guides_are_there() {
        let file: File = serde_json::from_str(include_str!("system_templates.json")).unwrap();
        let names: Vec<&str> = file.templates.iter().map(|template| template.name.as_str()).collect();
        let expected = "passport_details vehicle bank_card certificate_diploma membership_subscription pet device \
                        password important_document travel services medical custom";
        assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn vehicle_has_the_slots_that_the_guides_fill() {
        let file: File = serde_json::from_str(include_str!("system_templates.json")).unwrap();
        let vehicle = file.templates.iter().find(|template| template.name == "vehicle").unwrap();
        let names: Vec<&str> = vehicle.slots.iter().map(|slot| slot.name.as_str()).collect();
        assert_eq!(names, ["model_make", "licence_plate", "vin", "type", "purchase_date", "power"]);
        assert_eq!(vehicle.slots[1].label, "Vehicle registration number");
    }

    #[test]
    fn no_template_has_two_slots_of_one_name() {
        let file: File = serde_json::from_str(include_str!("system_templates.json")).unwrap();
        for template in &file.templates {
            let mut names: Vec<&str> =
                template.slots.iter().chain(&file.common_slots).map(|slot| slot.name.as_str()).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", template.name);
        }
    }
}
