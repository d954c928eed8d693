use super::{Arguments, Session, Work, unknown, work};
use crate::{
    api::vault::classification_nodes::{NewNode, NodeFilter},
    error::Result,
    http::{Flaws, FromJson, Json},
    js::{answer::record, arguments::object},
};

pub(super) fn begin(method: &str, mut arguments: Arguments<'_>, session: Session) -> Result<Work> {
    match method {
        "list" => {
            let (filter, page) = (arguments.take::<NodeFilter>("filter")?, arguments.page()?);
            work(async move { record(&session.list_classifications(&filter, &page).await?) })
        }
        "get" => {
            let id = arguments.id()?;
            work(async move { record(&*session.get_classification(&id).await?) })
        }
        "create" => {
            let node = arguments.take::<NewNode>("node")?;
            work(async move { record(&*session.create_classification(&node).await?) })
        }
        _ => unknown(),
    }
}

impl FromJson for NewNode {
    fn from_json(node: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut node = object(node, flaws);
        NewNode {
            classification_scheme_name: node.required("scheme", flaws),
            name: node.or_default("name", flaws),
            label: node.or_default("label", flaws),
            description: node.or_default("description", flaws),
            image: node.or_default("image", flaws),
        }
    }
}

impl FromJson for NodeFilter {
    fn from_json(filter: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut filter = object(filter, flaws);
        NodeFilter {
            scheme: filter.or_default("scheme", flaws),
            name: filter.or_default("name", flaws),
            own: filter.or_default("own", flaws),
        }
    }
}
