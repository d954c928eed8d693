use proc_macro2::TokenStream as Code;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result};

use crate::attributes::{Attributes, Missing};

/// How a type is read.
pub(crate) fn implementation(input: &DeriveInput) -> Result<Code> {
    let of_type = Attributes::read(&input.attrs)?;
    let mut from_fields = Code::new();
    let body = match &input.data {
        Data::Struct(data) => {
            from_fields = fields(&data.fields, &of_type)?;
            quote! {
                if !matches!(json, crate::http::Json::Object(_)) {
                    flaws.note("an object");
                }
                crate::http::FromFields::from_fields(&mut crate::http::Fields::of(json), flaws)
            }
        }
        Data::Enum(data) => {
            let mut arms = Vec::new();
            let mut words = Vec::new();
            let mut placeholder = None;
            let mut any_other = Code::new();
            for variant in &data.variants {
                let name = &variant.ident;
                if !variant.fields.is_empty() {
                    return Err(Error::new_spanned(variant, "a variant of the wire is a word"));
                }
                let attributes = Attributes::read(&variant.attrs)?;
                if attributes.any_other {
                    any_other = quote! { Some(_) => Self::#name, };
                }
                let word = attributes.name(&name.to_string(), of_type.rename_all);
                arms.push(quote! { Some(#word) => Self::#name, });
                words.push(word);
                placeholder.get_or_insert(name);
            }
            let expected = format!("one of {}", words.join(", "));
            quote! {
                match json.into_text().as_deref() {
                    #(#arms)*
                    #any_other
                    _ => { flaws.note(#expected); Self::#placeholder }
                }
            }
        }
        Data::Union(_) => return Err(Error::new_spanned(input, "a union cannot be read from JSON")),
    };
    let name = &input.ident;
    if !from_fields.is_empty() {
        from_fields = quote! {
            impl crate::http::FromFields for #name {
                fn from_fields(fields: &mut crate::http::Fields<'_>, flaws: &mut crate::http::Flaws) -> Self {
                    #from_fields
                }
            }
        };
    }
    Ok(quote! {
        #from_fields
        impl crate::http::FromJson for #name {
            fn from_json(json: crate::http::Json<'_>, flaws: &mut crate::http::Flaws) -> Self {
                #body
            }
        }
    })
}

fn fields(fields: &Fields, of_type: &Attributes) -> Result<Code> {
    let Fields::Named(fields) = fields else {
        return Err(Error::new_spanned(fields, "only named fields can be read from JSON"));
    };
    let mut initialisers = Vec::new();
    for field in &fields.named {
        let attributes = Attributes::read(&field.attrs)?;
        let Some(identifier) = &field.ident else { continue };
        initialisers.push(initialiser(identifier, &attributes, of_type));
    }
    Ok(quote! { Self { #(#initialisers,)* } })
}

fn initialiser(identifier: &syn::Ident, attributes: &Attributes, of_type: &Attributes) -> Code {
    let name = attributes.name(&identifier.to_string(), of_type.rename_all);
    if attributes.unread {
        return quote! { #identifier: Default::default() };
    }
    if attributes.flattened {
        return quote! { #identifier: crate::http::FromFields::from_fields(fields, flaws) };
    }
    if let Some(function) = &attributes.read_with {
        return quote! { #identifier: #function(fields.take(#name), flaws) };
    }
    let missing = if matches!(of_type.missing, Missing::Default) { &of_type.missing } else { &attributes.missing };
    let aliases = &attributes.aliases;
    let renamed = quote! { #(fields.rename(#aliases, #name);)* };
    let value = match missing {
        Missing::Flaw => quote! { fields.required(#name, flaws) },
        Missing::Default => quote! { fields.or_default(#name, flaws) },
        Missing::Function(function) => {
            quote! { fields.or_default::<Option<_>>(#name, flaws).unwrap_or_else(#function) }
        }
    };
    quote! { #identifier: { #renamed #value } }
}
