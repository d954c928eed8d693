//! Files: where their bytes come from, and where they go.

use futures_util::{
    future::LocalBoxFuture,
    stream::{StreamExt, unfold},
};
use js_sys::{Array, ArrayBuffer, Number, Promise, Uint8Array};
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use wasm_streams::{ReadableStream, readable::IntoStream};
use web_sys::{Blob, BlobPropertyBag};
use zeroize::Zeroizing;

use super::{
    arguments::{byte_array, get, is_absent, optional_flag, optional_text, own_property, wrong},
    call::work,
    results::{done, to_js},
    session_handle::SessionHandle,
};
use crate::{
    api::vault::thumbnails::SizeType,
    crypto::FILE_CHUNK_BYTES,
    error::{Cause, Error, Result},
    workflows::{AttachedFile, FileReader, FileSource, NewFile, Picture},
};

/// Media types that a page can show from an address of its own without running anything of the file. Of other types, and they
/// are what the server says, a blob has none: a page that opens `text/html` gives it everything that is the page's.
const HARMLESS_TYPES: [&str; 11] = [
    "application/json",
    "application/pdf",
    "application/zip",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/plain",
];

/// Whatever stands behind these is harmless too, as long as it is one name: of `audio/x,text/html` a browser may take the last.
const HARMLESS_KINDS: [&str; 2] = ["audio/", "video/"];

/// The thumbnail that a page makes, as other clients do.
const THUMBNAIL_SIZE: &str = "256x256";
const THUMBNAIL_SIDE: u32 = 256;

const UNKNOWN_TYPE: &str = "application/octet-stream";

/// How many bytes there are to read of no file that is shorter.
const TO_THE_END: u64 = u64::MAX;

/// A file to attach, and what is said of it.
pub(super) struct Attaching {
    pub(super) file: NewFile,
    pub(super) source: Box<dyn FileSource>,
}

impl Attaching {
    /// A `Blob`, a `File`, bytes, or a `ReadableStream` of bytes, also of another frame. `options` has what such a thing does
    /// not say of itself.
    pub(super) fn read(value: &JsValue, options: &JsValue) -> Result<Self> {
        let said = |name| Ok::<_, Error>(get(value, name)?.as_string().filter(|text| !text.is_empty()));
        let name = optional_text(options, "name")?;
        let content_type = optional_text(options, "type")?;
        let label = optional_text(options, "label")?;
        let slot = optional_text(options, "slot")?;
        let wants_thumbnail = optional_flag(options, "thumbnail")?.unwrap_or(true);
        let (source, length, own_name, own_type): (Box<dyn FileSource>, _, _, _) =
            if let Some(size) = own_property(value, "Blob", "size") {
                let blob: Blob = value.clone().unchecked_into();
                let length = size.as_f64().unwrap_or_default() as u64;
                let own_type = said("type")?;
                let known_type = content_type.as_ref().or(own_type.as_ref()).filter(|_| wants_thumbnail);
                let drawn = known_type.and_then(|known| thumbnail_type(known));
                (Box::new(BlobSource { blob, at: 0, drawn }), Some(length), said("name")?, own_type)
            } else if own_property(value, "ReadableStream", "locked").is_some() {
                let stream = ReadableStream::from_raw(value.clone().unchecked_into());
                let stream = stream.try_into_stream().map_err(|_| wrong("file"))?;
                (Box::new(StreamSource { stream, left: Vec::new(), is_over: false }), None, None, None)
            } else {
                let blob = blob_or_bytes("file", value)?;
                let length = blob.size() as u64;
                let drawn = content_type.as_ref().filter(|_| wants_thumbnail).and_then(|known| thumbnail_type(known));
                (Box::new(BlobSource { blob, at: 0, drawn }), Some(length), None, None)
            };
        let file = NewFile {
            name: name.or(own_name).ok_or_else(|| wrong("name"))?,
            content_type: content_type.or(own_type).unwrap_or_else(|| UNKNOWN_TYPE.to_owned()),
            label,
            slot,
            length,
        };
        Ok(Attaching { file, source })
    }
}

/// A blob, or a copy of bytes, outside of this page's memory where there is a page.
fn blob_or_bytes(name: &str, value: &JsValue) -> Result<Blob> {
    match own_property(value, "Blob", "size") {
        Some(_) => Ok(value.clone().unchecked_into()),
        None => blob_of(&[byte_array(name, value)?.into()], UNKNOWN_TYPE),
    }
}

fn blob_of(parts: &[JsValue], content_type: &str) -> Result<Blob> {
    let parts: Array = parts.iter().collect();
    let options = BlobPropertyBag::new();
    options.set_type(content_type);
    Blob::new_with_blob_sequence_and_options(&parts, &options)
        .map_err(|_| Error::internal("the platform makes no blob"))
}

/// The thumbnail that is made of a file of this type. SVG is none that browsers draw of a blob.
fn thumbnail_type(content_type: &str) -> Option<SizeType> {
    match content_type {
        "image/jpeg" => SizeType::of(THUMBNAIL_SIZE, "image/jpeg"),
        "image/avif" | "image/bmp" | "image/gif" | "image/png" | "image/webp" => {
            SizeType::of(THUMBNAIL_SIZE, "image/png")
        }
        _ => None,
    }
}

#[wasm_bindgen(module = "/src/js/thumbnail.js")]
extern "C" {
    #[wasm_bindgen(js_name = thumbnailOf)]
    async fn thumbnail_of(file: &Blob, side: u32, content_type: &str) -> JsValue;
}

struct BlobSource {
    blob: Blob,
    at: u64,
    /// What is drawn of it besides.
    drawn: Option<SizeType>,
}

impl FileSource for BlobSource {
    fn next_chunk(&mut self) -> LocalBoxFuture<'_, Result<Zeroizing<Vec<u8>>>> {
        Box::pin(async {
            let (start, end) = (self.at as f64, (self.at + FILE_CHUNK_BYTES as u64) as f64);
            let part = self.blob.slice_with_f64_and_f64(start, end).map_err(unreadable)?;
            let bytes = JsFuture::from(part.array_buffer()).await.map_err(unreadable)?;
            let bytes = Uint8Array::new(bytes.unchecked_ref::<ArrayBuffer>());
            self.at += u64::from(bytes.length());
            Ok(Zeroizing::new(bytes.to_vec()))
        })
    }

    fn rewind(&mut self) -> bool {
        self.at = 0;
        true
    }

    fn thumbnail(&mut self) -> LocalBoxFuture<'_, Option<Picture>> {
        Box::pin(async {
            let size_type = self.drawn?;
            let drawn = thumbnail_of(&self.blob, THUMBNAIL_SIDE, size_type.content_type()).await;
            let bytes = Zeroizing::new(drawn.dyn_into::<Uint8Array>().ok()?.to_vec());
            // A picture that is too long as a thumbnail is a file without one.
            Picture::new(bytes, size_type).ok()
        })
    }
}

struct StreamSource {
    /// Dropped before its end, it is cancelled.
    stream: IntoStream<'static>,
    /// What the last chunks had no room for.
    left: Vec<Uint8Array>,
    is_over: bool,
}

impl FileSource for StreamSource {
    fn next_chunk(&mut self) -> LocalBoxFuture<'_, Result<Zeroizing<Vec<u8>>>> {
        Box::pin(async {
            let mut chunk = Zeroizing::new(Vec::with_capacity(FILE_CHUNK_BYTES));
            loop {
                if let Some(part) = self.left.pop() {
                    let room = u32::try_from(FILE_CHUNK_BYTES - chunk.len()).unwrap_or_default();
                    let taken = part.length().min(room);
                    let start = chunk.len();
                    chunk.resize(start + taken as usize, 0);
                    part.subarray(0, taken).copy_to(chunk.split_at_mut(start).1);
                    if taken < part.length() {
                        self.left.push(part.subarray(taken, part.length()));
                    }
                }
                if chunk.len() == FILE_CHUNK_BYTES || self.is_over {
                    return Ok(chunk);
                }
                match self.stream.next().await {
                    None => self.is_over = true,
                    Some(part) => self.left.push(byte_array("file", &part.map_err(unreadable)?)?),
                }
            }
        })
    }

    fn rewind(&mut self) -> bool {
        false
    }
}

/// A file that was changed or deleted while it was read, most often; or a stream that failed, with its reason.
fn unreadable(thrown: impl Into<JsValue>) -> Error {
    let cause: Cause = std::rc::Rc::new(thrown.into());
    Error::invalid_argument("the file could not be read, or changed while it was").with_cause(Some(cause))
}

#[wasm_bindgen]
pub struct Attachment {
    handle: SessionHandle,
    file: AttachedFile,
}

impl Attachment {
    pub(super) fn of(handle: &SessionHandle, file: AttachedFile) -> Self {
        Attachment { handle: handle.clone(), file }
    }
}

#[wasm_bindgen]
impl Attachment {
    /// Always fails. Without it, `new Attachment()` would give an object without a file.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Attachment> {
        Err(Error::invalid_argument("an attachment comes from items.attach() or items.attachments()"))
    }

    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.file.record.id.as_str().to_owned()
    }

    #[wasm_bindgen(getter, js_name = itemId)]
    pub fn item_id(&self) -> String {
        self.file.item_id.as_str().to_owned()
    }

    #[wasm_bindgen(getter, js_name = slotId)]
    pub fn slot_id(&self) -> String {
        self.file.slot_id.as_str().to_owned()
    }

    #[wasm_bindgen(getter)]
    pub fn label(&self) -> String {
        self.file.label.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        self.file.record.filename.clone()
    }

    #[wasm_bindgen(getter, js_name = type)]
    pub fn content_type(&self) -> String {
        self.file.record.content_type.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn size(&self) -> Option<f64> {
        self.file.record.bytesize.map(|bytes| bytes as f64)
    }

    #[wasm_bindgen(getter, js_name = createdAt)]
    pub fn created_at(&self) -> String {
        self.file.record.created_at.clone()
    }

    pub fn open(&self, options: JsValue) -> Promise {
        let file = self.file.clone();
        self.handle.call(&options, |_, _| {
            let start = offset(&options, "start")?.unwrap_or(0);
            let end = offset(&options, "end")?.unwrap_or(TO_THE_END);
            let require_bound = optional_flag(&options, "requireBound")?.unwrap_or_default();
            work(async move { Ok(stream_of(file.open(start..end, require_bound).await?)) })
        })
    }

    pub fn blob(&self, options: JsValue) -> Promise {
        let file = self.file.clone();
        self.handle.call(&options, |_, progress| {
            let require_bound = optional_flag(&options, "requireBound")?.unwrap_or_default();
            work(async move {
                let mut reader = file.open(0..TO_THE_END, require_bound).await?;
                let total = reader.left();
                let mut parts = Vec::new();
                loop {
                    progress.report("reading the file", total - reader.left(), total);
                    let Some(chunk) = reader.next_chunk().await? else { break };
                    // A page's browser keeps it elsewhere.
                    parts.push(blob_of(&[Uint8Array::from(chunk.as_slice()).into()], UNKNOWN_TYPE)?.into());
                }
                Ok(blob_of(&parts, harmless_type(&file.record.content_type))?.into())
            })
        })
    }

    #[wasm_bindgen(getter)]
    pub fn thumbnails(&self) -> Result<JsValue> {
        let thumbnails = self.file.thumbnails();
        let listed = thumbnails.iter().map(|(size_type, record)| ListedThumbnail {
            id: record.id.as_str(),
            size: size_type.size(),
            media_type: size_type.content_type(),
        });
        to_js(&listed.collect::<Vec<_>>())
    }

    pub fn thumbnail(&self, options: JsValue) -> Promise {
        let file = self.file.clone();
        self.handle.call(&options, |_, _| {
            let size = optional_size(&options)?;
            work(async move {
                let thumbnails = file.thumbnails();
                let wanted = |wanted: &str| thumbnails.iter().find(|(size_type, _)| size_type.size() == wanted);
                let chosen = match size {
                    Some(size) => wanted(&size),
                    None => wanted(THUMBNAIL_SIZE).or(thumbnails.last()),
                };
                let Some(chosen @ (size_type, _)) = chosen else { return Ok(JsValue::UNDEFINED) };
                let picture = file.read_thumbnail(chosen).await?;
                Ok(blob_of(&[Uint8Array::from(picture.as_slice()).into()], size_type.content_type())?.into())
            })
        })
    }

    #[wasm_bindgen(js_name = addThumbnail)]
    pub fn add_thumbnail(&self, picture: JsValue, options: JsValue) -> Promise {
        let file = self.file.clone();
        self.handle.call(&options, |_, _| {
            let size = optional_size(&options)?.unwrap_or_else(|| THUMBNAIL_SIZE.to_owned());
            let blob = blob_or_bytes("picture", &picture)?;
            work(async move {
                let bytes = BlobSource { blob, at: 0, drawn: None }.next_chunk().await?;
                let content_type = if bytes.starts_with(b"\xff\xd8") { "image/jpeg" } else { "image/png" };
                let size_type = SizeType::of(&size, content_type).ok_or_else(|| wrong("size"))?;
                done(file.add_thumbnail(&Picture::new(bytes, size_type)?).await.map(drop))
            })
        })
    }

    pub fn remove(&self, options: JsValue) -> Promise {
        let file = self.file.clone();
        self.handle.call(&options, |session, _| work(async move { done(session.remove_file(&file).await) }))
    }
}

#[derive(Serialize)]
struct ListedThumbnail<'a> {
    id: &'a str,
    size: &'a str,
    #[serde(rename = "type")]
    media_type: &'a str,
}

fn optional_size(options: &JsValue) -> Result<Option<String>> {
    let size = optional_text(options, "size")?;
    let is_one = |size: &String| SizeType::ALL.iter().any(|known| known.size() == size);
    if size.as_ref().is_some_and(|size| !is_one(size)) { Err(wrong("size")) } else { Ok(size) }
}

/// A place in a file, which may be beyond 4 GiB.
fn offset(options: &JsValue, name: &str) -> Result<Option<u64>> {
    let value = get(options, name)?;
    if is_absent(&value) {
        return Ok(None);
    }
    let is_place = |number: &f64| number.fract() == 0.0 && (0.0..=Number::MAX_SAFE_INTEGER).contains(number);
    let number = value.as_f64().filter(is_place).ok_or_else(|| wrong(name))?;
    Ok(Some(number as u64))
}

fn harmless_type(content_type: &str) -> &str {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte));
    let is_harmless = HARMLESS_TYPES.contains(&content_type)
        || HARMLESS_KINDS.iter().any(|kind| content_type.strip_prefix(kind).is_some_and(is_name));
    if is_harmless { content_type } else { UNKNOWN_TYPE }
}

/// A `ReadableStream` of the file's chunks, which reads as fast as its reader. An error ends it.
fn stream_of(reader: FileReader) -> JsValue {
    let chunks = unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next_chunk().await {
            Ok(None) => None,
            Ok(Some(chunk)) => Some((Ok(Uint8Array::from(chunk.as_slice()).into()), Some(reader))),
            Err(error) => Some((Err(JsValue::from(error)), None)),
        }
    });
    ReadableStream::from_stream(chunks).into_raw().into()
}
