//! Files that come in a form (`multipart/form-data`), as old clients send them: of a size that one request bears.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRequest, Multipart, Request, State, multipart::Field},
    http::{StatusCode, header::CONTENT_TYPE},
};
use base64ct::{Base64, Encoding};
use futures_util::{StreamExt, stream};
use tokio::{sync::OwnedSemaphorePermit, task::yield_now};
use vaultshare::api::vault::attachments::AttachmentResponse;

use super::{
    attachments::with_urls,
    uploading::{self, Named},
};
use crate::{
    auth::Session,
    bounds::{FILE_NAME, FORM_FIELDS, SHORT_TEXT, check_length},
    error::{Code, Error, Result},
    own_address::OwnAddress,
    service::Service,
    store::new_id,
    vault::{
        Vault,
        records::{attachments, blobs},
    },
    work::Reservation,
};

/// How much of a file is an object.
const BLOCK: usize = 1024 * 1024;

/// How much of a form is taken at a time, and how much of it may have come that is not in fields yet, or the heads of fields.
const PIECE: usize = 64 * 1024;
const HELD: usize = 4 * PIECE;

/// What comes of a form, field by field, and the place of its user among those who send bodies.
pub(super) struct Form {
    fields: Multipart,
    left: usize,
    held: Arc<AtomicUsize>,
    _reading: Option<OwnedSemaphorePermit>,
}

impl Form {
    pub(super) async fn of(request: Request) -> Result<Self> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")) {
            return Err(Error::refused(Code::UnsupportedMediaType, "The body must be a form (multipart/form-data)"));
        }
        let reservation = request.extensions().get::<Reservation>().cloned().unwrap_or_default();
        let held = Arc::<AtomicUsize>::default();
        let request = request.map(|body| piece_by_piece(body, Arc::clone(&held)));
        let fields = Multipart::from_request(request, &()).await.map_err(|_| unreadable())?;
        Ok(Self { fields, left: FORM_FIELDS, held, _reading: reservation.begin_to_read().await? })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Part<'_>>> {
        if self.left == 0 {
            return Err(Error::refused(Code::TooManyValues, format!("A form has at most {FORM_FIELDS} fields")));
        }
        self.left -= 1;
        let field = self.fields.next_field().await.map_err(|_| unreadable())?;
        Ok(field.map(|field| Part { field, held: &self.held }))
    }
}

/// A field of a form.
pub(super) struct Part<'a> {
    field: Field<'a>,
    held: &'a AtomicUsize,
}

impl Part<'_> {
    pub(super) fn name(&self) -> &str {
        self.field.name().unwrap_or_default()
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>> {
        let piece = self.field.chunk().await.map_err(|_| unreadable())?;
        self.held.fetch_sub(piece.as_ref().map_or(0, Bytes::len), Relaxed);
        Ok(piece)
    }

    /// What the field has, which is so many bytes at most.
    pub(super) async fn bytes(&mut self, most: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next_piece().await? {
            if bytes.len() + piece.len() > most {
                let message = format!("A field of the form has more than {most} bytes");
                return Err(Error::refused(Code::BodyTooLarge, message));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// A text, of so many bytes at most.
    pub(super) async fn text(&mut self, most: usize) -> Result<String> {
        let text = String::from_utf8(self.bytes(most).await?).ok().filter(|text| !text.contains('\0'));
        text.ok_or_else(|| Error::refused(Code::InvalidText, "A text of the form is none"))
    }
}

/// A body in small pieces, with a pause before each: the library would else take all that has come before it gives on any of it.
/// And while it looks for the end of a head it keeps what it has looked through, of which there is an end here.
fn piece_by_piece(body: Body, held: Arc<AtomicUsize>) -> Body {
    let begin = (body.into_data_stream(), Bytes::new());
    Body::from_stream(stream::try_unfold(begin, move |(mut body, mut rest)| {
        let held = Arc::clone(&held);
        async move {
            yield_now().await;
            while rest.is_empty() {
                match body.next().await.transpose()? {
                    Some(more) => rest = more,
                    None => return Ok(None),
                }
            }
            let piece = rest.split_to(rest.len().min(PIECE));
            if held.fetch_add(piece.len(), Relaxed) > HELD {
                return Err(axum::Error::new("more than a form has beside its fields"));
            }
            Ok(Some((piece, (body, rest))))
        }
    }))
}

fn unreadable() -> Error {
    Error::refused(Code::UnreadableBody, "The form did not arrive whole")
}

/// Makes an attachment of one file, which is one envelope.
#[utoipa::path(
    post, path = "/attachments",
    request_body(content = serde_json::Value, content_type = "multipart/form-data"),
    responses((status = 201, body = AttachmentResponse), (status = 403), (status = 429)),
)]
pub(in crate::vault) async fn create(
    State(vault): State<Vault>,
    session: Session,
    own: OwnAddress,
    request: Request,
) -> Result<(StatusCode, Json<AttachmentResponse>)> {
    let mut form = Form::of(request).await?;
    let (blob_id, key) = uploading::begin(&vault, &session.user_id, Named::default()).await?;
    let file = match receive(&vault, &key, &mut form).await {
        Ok(file) => file,
        Err(refused) => {
            uploading::abandon(&vault, &key).await?;
            return Err(refused);
        }
    };
    drop(form);
    let mut tx = vault.store().write().await?;
    blobs::rename(&mut tx, blob_id, &file.filename, &file.content_type).await?;
    let id = new_id();
    attachments::insert(&mut tx, &id, &session.user_id, (blob_id, None), vault.clock()).await?;
    let row = attachments::find_own(&mut tx, &id, &session.user_id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(AttachmentResponse { attachment: with_urls(&vault, &own, row)? })))
}

#[derive(Default)]
struct File {
    filename: String,
    content_type: String,
}

/// Stores the file of a form, whose other fields say what it is called.
async fn receive(vault: &Vault, key: &str, form: &mut Form) -> Result<File> {
    let (mut filename, mut content_type, mut of_field, mut has_file) = (None, None, File::default(), false);
    while let Some(mut part) = form.next().await? {
        match part.name() {
            "attachment[file]" | "file" if !has_file => {
                has_file = true;
                let text = |text: Option<&str>| text.unwrap_or_default().replace('\0', "");
                let field = &part.field;
                of_field = File { filename: text(field.file_name()), content_type: text(field.content_type()) };
                store(vault, key, &mut part).await?;
            }
            "attachment[filename]" | "filename" => filename = Some(part.text(FILE_NAME).await?),
            "attachment[content_type]" | "content_type" => content_type = Some(part.text(SHORT_TEXT).await?),
            _ => {
                part.bytes(FILE_NAME).await?;
            }
        }
    }
    if !has_file {
        return Err(Error::missing("attachment[file]"));
    }
    let file = File {
        filename: filename.unwrap_or(of_field.filename),
        content_type: content_type.unwrap_or(of_field.content_type),
    };
    check_length("attachment[filename]", Some(&file.filename), FILE_NAME)?;
    check_length("attachment[content_type]", Some(&file.content_type), SHORT_TEXT)?;
    Ok(file)
}

/// Stores a field block by block, of which no more than one is in memory.
async fn store(vault: &Vault, key: &str, part: &mut Part<'_>) -> Result<()> {
    let (mut block, mut ids) = (Vec::new(), Vec::new());
    loop {
        let piece = part.next_piece().await?;
        let is_last = piece.is_none();
        block.extend_from_slice(&piece.unwrap_or_default());
        while block.len() >= BLOCK || (is_last && !block.is_empty()) {
            let rest = block.split_off(block.len().min(BLOCK));
            let id = Base64::encode_string(format!("{:08}", ids.len()).as_bytes());
            uploading::store_block(vault, key, &id, std::mem::replace(&mut block, rest)).await?;
            ids.push(id);
        }
        if is_last {
            return uploading::commit(vault, key, &ids).await;
        }
    }
}
