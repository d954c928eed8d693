//! The OpenAPI documents of the two services, and what does not agree with them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::http::StatusCode;
use jsonschema::Validator;
use serde_json::Value;

pub struct Document {
    pub json: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Document {
    pub fn new(json: Value) -> Self {
        Self { json, validators: Mutex::default() }
    }

    /// The operation that a request is, by the document.
    pub fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let sent: Vec<&str> = path.split('/').collect();
        let paths = self.json["paths"].as_object().unwrap();
        let fits = |template: &&String| {
            let parts: Vec<&str> = template.split('/').collect();
            parts.len() == sent.len()
                && parts.iter().zip(&sent).all(|(part, sent)| part.starts_with('{') || part == sent)
        };
        // An address goes before one that any text can be part of.
        let template = paths.keys().filter(fits).min_by_key(|template| template.matches('{').count())?;
        paths[template].get(method.to_lowercase())
    }

    /// Checks that a reply is one that the document knows for its request.
    #[track_caller]
    pub fn check_reply(&self, method: &str, path: &str, status: StatusCode, body: Option<&[u8]>) {
        let Some(operation) = self.operation(method, path) else {
            assert!(matches!(status.as_u16(), 404 | 405), "{method} {path} is in no document: {status}");
            return;
        };
        // A fault may be anywhere, and is in no document.
        if status == 500 {
            return;
        }
        let response = self.resolved(&operation["responses"][status.as_str()]);
        assert!(response.is_object(), "{method} {path}: {status} is in no document");
        let Some(body) = body else { return };
        match response["content"]["application/json"].get("schema") {
            None if response["content"]["application/octet-stream"].is_object() => {}
            None => assert!(body.is_empty(), "{method} {path}: {status} has a body"),
            Some(schema) => {
                let body = serde_json::from_slice(body).unwrap_or_else(|_| panic!("{method} {path}: no JSON"));
                self.check(schema, &body, &format!("reply to {method} {path}: {status}"));
            }
        }
    }

    /// Checks that what the server took is what the document says that it takes.
    #[track_caller]
    pub fn check_body(&self, method: &str, path: &str, body: &Value) {
        let operation = self.operation(method, path).unwrap();
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if !schema.is_null() {
            self.check(schema, body, &format!("{method} {path}"));
        }
    }

    #[track_caller]
    fn check(&self, schema: &Value, body: &Value, what: &str) {
        let validator = self.validator(schema);
        let wrong: Vec<String> =
            validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{what} is not what the document says: {wrong:#?}");
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let made = validators.entry(schema.to_string()).or_insert_with(|| {
            let mut whole = schema.clone();
            whole["components"] = self.json["components"].clone();
            Arc::new(jsonschema::options().should_validate_formats(true).build(&whole).unwrap())
        });
        Arc::clone(made)
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value["$ref"].as_str();
        reference.map_or(value, |reference| self.json.pointer(reference.trim_start_matches('#')).unwrap())
    }
}
