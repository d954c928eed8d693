//! `#[derive(FromJson)]` and `#[derive(ToJson)]`: read a type of the wire from JSON's tree and write it, field by field.
//!
//! They go by the attributes that the type has for serde, so that a type says once what it is called on the wire: `rename`,
//! `rename_all`, `alias`, `flatten`, `other`, `default` (a value, or the function that gives it), `skip_deserializing`,
//! `skip_serializing` and `skip_serializing_if`. A field that may be left out may also be null (`protocol/http-api.md` §0,
//! rule 10). `#[from_json(with = function)]` reads a field by a function of its own, `#[to_json(with = function)]` writes it.

mod attributes;
mod case;
mod reading;
mod writing;

use proc_macro::TokenStream;
use syn::DeriveInput;

/// See the crate's documentation.
#[proc_macro_derive(FromJson, attributes(serde, from_json))]
pub fn from_json(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    reading::implementation(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// See the crate's documentation.
#[proc_macro_derive(ToJson, attributes(serde, to_json))]
pub fn to_json(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    writing::implementation(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
