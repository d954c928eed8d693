//! Templates: named lists of empty slots that items are created from (docs/protocol/http-api.md §6.1–§6.3). Everybody
//! has the system's, and may add their own.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use vaultshare::api::{
    PageMeta,
    vault::{
        names::{MachineNames, MeantSlot, machine_name, meant_slots},
        slots::SlotChange,
        templates::{NewTemplateRequest, TemplateResponse, TemplatesResponse},
    },
};

use super::{
    Vault,
    classification::unknown_node,
    items::changes::{named_twice, reference},
    labels::{check_label, given_name},
    records::{
        classification,
        templates::{self, NewSlot, NewTemplate, Row, TemplateFilter},
    },
};
use crate::{
    auth::Session,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::{Order, PageParams},
    query::Query,
    request::{Body, Path},
    service::{Service, large_json},
    store::new_id,
};

/// The system's templates and the user's own, oldest first.
#[utoipa::path(
    get, path = "/item_templates",
    params(PageParams, TemplateFilter),
    responses((status = 200, body = TemplatesResponse)),
)]
pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(filter): Query<TemplateFilter>,
) -> Result<Response> {
    let page = page.page(Order::Ascending);
    let mut db = vault.store().read().await?;
    let rows = templates::list(&mut db, &session.user_id, &filter, &page).await?;
    let weights = templates::weights(&mut db, page.shown(&rows)).await?;
    let weight = |row: &Row| weights.get(&row.id).copied().unwrap_or_default();
    let (rows, next_page_after) = page.cut_by_weight(rows, |row| row.sequence, weight);
    let (item_templates, slots, classification_nodes) = templates::load(&mut db, rows, &session.user_id).await?;
    let meta = PageMeta::of(next_page_after.as_deref());
    large_json(&TemplatesResponse {
        item_templates,
        slots,
        classification_nodes,
        attachments: vec![],
        thumbnails: vec![],
        next_page_after,
        meta,
    })
}

/// One template.
#[utoipa::path(get, path = "/item_templates/{id}", responses((status = 200, body = TemplateResponse)))]
pub(super) async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<Json<TemplateResponse>> {
    let mut db = vault.store().read().await?;
    templates::response(&mut db, &id, &session.user_id).await.map(Json)
}

/// Makes a template.
#[utoipa::path(
    post, path = "/item_templates",
    request_body = NewTemplateRequest,
    params(Idempotency),
    responses((status = 201, body = TemplateResponse)),
)]
pub(super) async fn create(
    State(vault): State<Vault>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewTemplateRequest>,
) -> Result<Response> {
    check_label(&request.label).map_err(|error| error.at("label"))?;
    let machine_name = match &request.name {
        Some(name) => given_name(name)?,
        None => machine_name(&request.label),
    };
    let slots = new_slots(&request.slots_attributes)?;
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let name = match &request.name {
        Some(_) => {
            if templates::find_by_name(db, &machine_name, &session.user_id).await?.is_some() {
                return Err(Error::refused(Code::TemplateNameTaken, "There is a template of this name already"));
            }
            machine_name
        }
        None => {
            let taken = templates::names_like(db, &session.user_id, &machine_name).await?;
            taken.into_iter().collect::<MachineNames>().derive(&request.label)
        }
    };
    let node_id = match (&request.classification_scheme_name, &request.classification_node_name) {
        (Some(scheme), Some(node)) => Some(
            classification::find_global(db, scheme, node)
                .await?
                .ok_or_else(|| unknown_node().at("classification_node_name"))?,
        ),
        _ => None,
    };
    let id = new_id();
    let template = NewTemplate {
        id: &id,
        user_id: &session.user_id,
        name: &name,
        label: &request.label,
        description: request.description.as_deref(),
        classification_node_id: node_id.as_deref(),
    };
    templates::insert(db, &template, &slots, vault.clock()).await?;
    let response = templates::response(db, &id, &session.user_id).await?;
    change.answer(StatusCode::CREATED, &response).await
}

fn new_slots(attributes: &[SlotChange]) -> Result<Vec<NewSlot<'_>>> {
    let place = |index: usize| format!("slots_attributes[{index}]");
    let at_slot = |index: usize| move |error: Error| error.at(&place(index));
    let references = attributes.iter().enumerate().map(|(index, slot)| reference(None, slot).map_err(at_slot(index)));
    let references = references.collect::<Result<Vec<_>>>()?;
    let meant = meant_slots(&[], &references, &|_, _| false).map_err(|twice| named_twice(twice, place))?;
    let mut slots = Vec::with_capacity(attributes.len());
    for (index, (slot, meant)) in attributes.iter().zip(meant).enumerate() {
        let MeantSlot::New(name) = meant else { return Err(Error::fault("a new template has a slot")) };
        let label = slot.label.as_deref().or(slot.name.as_deref()).unwrap_or_default();
        check_label(label).map_err(|error| at_slot(index)(error.at("label")))?;
        let slot_type_name = slot.slot_type_name.as_deref().unwrap_or("key_value");
        slots.push(NewSlot { name, label, description: slot.description.as_deref(), slot_type_name });
    }
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_one_template_have_different_names() {
        let labelled = |label: &str| SlotChange { label: Some(label.into()), ..SlotChange::default() };
        let named = |name: &str| SlotChange { name: Some(name.into()), ..SlotChange::default() };
        let slots = [labelled("Blood type"), labelled("Vet"), labelled("vet"), labelled("?!"), labelled("!?")];
        let made: Vec<_> = new_slots(&slots).unwrap().into_iter().map(|slot| (slot.name, slot.label)).collect();
        let expected =
            [("blood_type", "Blood type"), ("vet", "Vet"), ("vet_2", "vet"), ("unnamed", "?!"), ("unnamed_2", "!?")];
        assert_eq!(made, expected.map(|(name, label)| (name.to_owned(), label)));
        assert!(new_slots(&[named("vet"), named("vet")]).is_err());
        assert!(new_slots(&[SlotChange::default()]).is_err());
    }
}
