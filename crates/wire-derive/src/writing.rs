use proc_macro2::TokenStream as Code;
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, Path, Result};

use crate::attributes::Attributes;

/// How a type is written.
pub(crate) fn implementation(input: &DeriveInput) -> Result<Code> {
    let of_type = Attributes::read(&input.attrs)?;
    let name = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    match &input.data {
        Data::Struct(data) => {
            let fields = fields(&data.fields, &of_type)?;
            Ok(quote! {
                impl #generics crate::http::ToFields for #name #arguments #bounds {
                    fn write_fields(&self, out: &mut crate::http::JsonText) {
                        #fields
                    }
                }
                impl #generics crate::http::ToJson for #name #arguments #bounds {
                    fn write(&self, out: &mut crate::http::JsonText) {
                        out.object(self);
                    }
                }
            })
        }
        Data::Enum(data) => {
            let arms = words(data, &of_type)?;
            Ok(quote! {
                impl #generics crate::http::ToJson for #name #arguments #bounds {
                    fn write(&self, out: &mut crate::http::JsonText) {
                        out.text(match self { #arms });
                    }
                }
            })
        }
        Data::Union(_) => Err(Error::new_spanned(input, "a union cannot be written as JSON")),
    }
}

fn words(data: &DataEnum, of_type: &Attributes) -> Result<Code> {
    let mut arms = Code::new();
    for variant in &data.variants {
        let name = &variant.ident;
        if !variant.fields.is_empty() {
            return Err(Error::new_spanned(variant, "a variant of the wire is a word"));
        }
        let word = Attributes::read(&variant.attrs)?.name(&name.to_string(), of_type.rename_all);
        arms.extend(quote! { Self::#name => #word, });
    }
    Ok(arms)
}

fn fields(fields: &Fields, of_type: &Attributes) -> Result<Code> {
    let Fields::Named(fields) = fields else {
        return Err(Error::new_spanned(fields, "only named fields can be written as JSON"));
    };
    let mut statements = Code::new();
    for field in &fields.named {
        let attributes = Attributes::read(&field.attrs)?;
        let Some(identifier) = &field.ident else { continue };
        if !attributes.unwritten {
            statements.extend(statement(identifier, &attributes, of_type));
        }
    }
    Ok(statements)
}

fn statement(identifier: &syn::Ident, attributes: &Attributes, of_type: &Attributes) -> Code {
    let name = attributes.name(&identifier.to_string(), of_type.rename_all);
    if attributes.flattened {
        return quote! { crate::http::ToFields::write_fields(&self.#identifier, out); };
    }
    if let Some(function) = &attributes.write_with {
        return quote! { out.name(#name); #function(&self.#identifier, out); };
    }
    match &attributes.unwritten_if {
        None => quote! { out.field(#name, &self.#identifier); },
        Some(function) if is_option_is_none(function) => quote! { out.field_if_any(#name, &self.#identifier); },
        Some(function) => quote! { if !#function(&self.#identifier) { out.field(#name, &self.#identifier); } },
    }
}

fn is_option_is_none(function: &Path) -> bool {
    function.segments.last().is_some_and(|last| last.ident == "is_none")
}
