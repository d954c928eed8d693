use super::{Arguments, Session, Work, unknown, work};
use crate::{
    api::vault::templates::TemplateFilter,
    error::Result,
    http::{Flaws, FromJson, Json},
    js::{answer::record, arguments::object, slots::Slots},
    workflows::NewTemplate,
};

pub(super) fn begin(method: &str, mut arguments: Arguments<'_>, session: Session) -> Result<Work> {
    match method {
        "list" => {
            let (filter, page) = (arguments.take::<TemplateFilter>("filter")?, arguments.page()?);
            work(async move { record(&session.list_templates(&filter, &page).await?) })
        }
        "get" => {
            let name_or_id = arguments.take::<String>("nameOrId")?;
            work(async move { record(&session.get_template(&name_or_id).await?) })
        }
        "create" => {
            let template = arguments.take::<NewTemplate>("template")?;
            work(async move { record(&session.create_template(&template).await?) })
        }
        _ => unknown(),
    }
}

impl FromJson for TemplateFilter {
    fn from_json(filter: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut filter = object(filter, flaws);
        TemplateFilter {
            like: filter.or_default("like", flaws),
            scheme: filter.or_default("scheme", flaws),
            classification: filter.or_default("classification", flaws),
        }
    }
}

impl FromJson for NewTemplate {
    fn from_json(template: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut template = object(template, flaws);
        NewTemplate {
            name: template.or_default("name", flaws),
            label: template.required("label", flaws),
            description: template.or_default("description", flaws),
            slots: template.or_default::<Slots>("slots", flaws).0,
        }
    }
}
