//! The OpenAPI document of each service. What a route takes and gives is said at its handler; here is what many have in
//! common: the session, the parameters of paths, the refusals.

use std::{collections::BTreeMap, sync::OnceLock};

use axum::{Router, http::header, routing::get};
use serde::Serialize;
use utoipa::openapi::{
    Info, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response, Server, Type,
    content::ContentBuilder,
    header::Header,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
    response::ResponseBuilder,
    schema::Schema,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use vaultshare::api::openapi::{SENT, schemas_of};

use crate::{
    bounds::{
        CLASSIFICATIONS, CLIENT_TASKS, EXTERNAL_IDENTIFIERS, FILE_NAME, GRANT, KEY, LONG_TEXT, NAME, SHARES_OF_ITEM,
        SHORT_TEXT, SLOT_VALUES, STATEMENT, WRAPPED,
    },
    error::{Code, Refusals},
};

const SESSION: &str = "session";

/// Bounds of fields, by the names that they have in every body.
const LENGTHS: [(&str, usize); 18] = [
    ("public_key", KEY),
    ("request_signature", KEY),
    ("description", LONG_TEXT),
    ("image", LONG_TEXT),
    ("note", LONG_TEXT),
    ("terms", LONG_TEXT),
    ("template_name", NAME),
    ("full_name", NAME),
    ("country", NAME),
    ("did", NAME),
    ("slot_type_name", SHORT_TEXT),
    ("invitation_token", SHORT_TEXT),
    ("grant", GRANT),
    ("on_share", STATEMENT),
    ("content_signature", STATEMENT),
    ("filename", FILE_NAME),
    ("content_type", SHORT_TEXT),
    ("encrypted_resume", WRAPPED),
];
const COUNTS: [(&str, usize); 5] = [
    ("external_identifiers", EXTERNAL_IDENTIFIERS),
    ("classification_nodes_attributes", CLASSIFICATIONS),
    ("share_deks", SHARES_OF_ITEM),
    ("slot_values", SLOT_VALUES),
    ("client_tasks", CLIENT_TASKS),
];

/// The router of a service, which has its document at `/openapi.json`.
pub(crate) fn with_document<S>(service: &str, made: &'static OnceLock<String>, routes: OpenApiRouter<S>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (router, api) = routes.split_for_parts();
    // It says what the code does, which is the same for every router.
    let document = made.get_or_init(|| document(service, api).to_json().unwrap_or_default());
    let reply = async || ([(header::CONTENT_TYPE, "application/json")], document.as_str());
    router.route("/openapi.json", get(reply))
}

/// The same routes at another address, by which old clients know them.
pub(crate) fn also_at<S>(address: &str, (schemas, mut paths, router): UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S> {
    let items = std::mem::take(&mut paths.paths).into_values();
    paths.paths.extend(items.map(|item| (address.to_owned(), item)));
    (schemas, paths, router)
}

/// A header that a request may have.
pub(crate) fn header(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False);
    header.description(Some(description)).schema(Some(schema)).build()
}

fn document(service: &str, mut api: OpenApi) -> OpenApi {
    api.info = Info::new(format!("vaultshare {service}"), env!("CARGO_PKG_VERSION").to_owned());
    api.servers = Some(vec![Server::new(format!("/{}", service.to_lowercase()))]);
    // What needs no session says so.
    api.security = Some(vec![SecurityRequirement::new(SESSION, [""; 0])]);
    let components = api.components.get_or_insert_default();
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The token of a session"));
    components.add_security_scheme(SESSION, SecurityScheme::Http(token.build()));
    components.schemas.extend(schemas_of::<Refusals>(SENT));
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            complete(path, method, operation);
            if let Some(body) = &operation.request_body {
                bound(body, &mut components.schemas);
            }
            for (status, response) in &mut operation.responses.responses {
                match response {
                    RefOr::T(success) if status.starts_with('2') => success.description = "Done".to_owned(),
                    _ => {
                        components.responses.entry(status.clone()).or_insert_with(|| refusal(status).into());
                        *response = RefOr::Ref(Ref::from_response_name(status));
                    }
                }
            }
        }
    }
    api
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, put, patch, delete, .. } = item;
    let methods = [("get", get), ("post", post), ("put", put), ("patch", patch), ("delete", delete)];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what follows from an operation's address and the rest of it.
fn complete(path: &str, method: &str, operation: &mut Operation) {
    let words: Vec<&str> = path.split(['/', '{', '}']).filter(|word| !word.is_empty()).collect();
    operation.operation_id = Some(format!("{method}_{}", words.join("_")));
    operation.tags = words.first().map(|resource| vec![(*resource).to_owned()]);
    let ids = path.split(['{', '}']).skip(1).step_by(2);
    let parameters = operation.parameters.get_or_insert_default();
    for id in ids.clone() {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let parameter = ParameterBuilder::new().name(id).parameter_in(ParameterIn::Path).schema(Some(text));
        parameters.push(parameter.required(Required::True).build().into());
    }
    let (has_body, needs_session) = (operation.request_body.is_some(), operation.security.is_none());
    let statuses = [
        ("400", has_body || parameters.len() > ids.clone().count()),
        ("401", needs_session),
        ("404", ids.count() > 0),
        ("413", has_body),
        ("415", has_body),
        ("503", true),
    ];
    for (status, _) in statuses.into_iter().filter(|(_, applies)| *applies) {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| Response::new("").into());
    }
}

/// Adds to the schemas that a body refers to what its texts and lists may have at most.
fn bound(body: &impl Serialize, schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let text = serde_json::to_string(body).unwrap_or_default();
    for name in text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        let Some(mut schema) = schemas.remove(name) else { continue };
        bound(&schema, schemas);
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            for (field, property) in &mut object.properties {
                let most =
                    |bounds: &[(&str, usize)]| bounds.iter().find(|(name, _)| name == field).map(|(_, most)| *most);
                match property {
                    RefOr::T(Schema::Object(text)) => text.max_length = most(&LENGTHS),
                    RefOr::T(Schema::Array(list)) => list.max_items = most(&COUNTS),
                    _ => {}
                }
            }
        }
        schemas.insert(name.to_owned(), schema);
    }
}

fn refusal(status: &str) -> Response {
    let codes = Code::all().filter(|(_, code)| code.status().as_str() == status);
    let codes: Vec<String> = codes.map(|(name, _)| format!("`{name}`")).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Refusals"))).build();
    let refusal = ResponseBuilder::new().description(codes.join(", ")).content("application/json", content);
    match status {
        "429" | "503" => refusal.header("Retry-After", Header::new(ObjectBuilder::new().schema_type(Type::Integer))),
        _ => refusal,
    }
    .build()
}
