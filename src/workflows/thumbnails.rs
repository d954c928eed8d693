//! Small pictures of files. `docs/protocol/http-api.md` §12.6, `docs/protocol/envelopes.md`, files.
//!
//! Each is encrypted under the key of its file, so that whoever reads the file reads them. Making one is for who knows the
//! picture: a page, or an app.

use zeroize::Zeroizing;

use super::{AttachedFile, refusals::bad_response};
use crate::{
    api::{
        Id,
        vault::{
            attachments,
            thumbnails::{self, SizeType, Thumbnail},
        },
    },
    crypto::FileKey,
    error::{Error, Result},
    http::Service,
};

/// How pictures of either format begin.
const JPEG: &[u8] = b"\xff\xd8\xff";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A picture that is to be a thumbnail.
pub struct Picture {
    bytes: Zeroizing<Vec<u8>>,
    size_type: SizeType,
}

impl Picture {
    /// In bytes. As an envelope it stays below the 1 MiB that servers take.
    pub const LONGEST: u64 = 512 * 1024;

    /// `INVALID_ARGUMENT` for what is not of this format, or longer than half a megabyte.
    pub fn new(bytes: Zeroizing<Vec<u8>>, size_type: SizeType) -> Result<Self> {
        let begins = if size_type.extension() == "jpg" { JPEG } else { PNG };
        if !bytes.starts_with(begins) {
            return Err(Error::invalid_argument(format!("the thumbnail is no {}", size_type.content_type())));
        }
        if bytes.len() as u64 > Picture::LONGEST {
            return Err(Error::invalid_argument(format!("the thumbnail is longer than {} bytes", Picture::LONGEST)));
        }
        Ok(Picture { bytes, size_type })
    }
}

impl AttachedFile {
    /// Small pictures of the file, of the sizes that there are, smaller ones first.
    pub fn thumbnails(&self) -> Vec<(SizeType, Thumbnail)> {
        self.thumbnails.borrow().clone()
    }

    /// Adds a thumbnail to an own file. One of the same size and format is replaced. `NOT_FOUND` for a file that was received.
    pub async fn add_thumbnail(&self, picture: &Picture) -> Result<Thumbnail> {
        self.session.keys()?;
        let made = store(self.session.vault(), &self.key, &self.record.id, picture).await?;
        let mut thumbnails = self.thumbnails.borrow_mut();
        thumbnails.retain(|(size_type, _)| *size_type != picture.size_type);
        thumbnails.push((picture.size_type, made.clone()));
        thumbnails.sort_unstable_by_key(|(size_type, _)| size_type.as_str());
        Ok(made)
    }

    /// The picture of one of [`AttachedFile::thumbnails`]. `MISPLACED` where the server gives something else of the file's.
    pub async fn read_thumbnail(&self, (size_type, thumbnail): &(SizeType, Thumbnail)) -> Result<Zeroizing<Vec<u8>>> {
        self.session.keys()?;
        let vault = self.session.vault();
        let url = thumbnails::url(vault, &thumbnail.id).await?;
        let envelope = attachments::read_small_blob(vault, &vault.signed_url(&url.redirect_url)?).await?;
        // Before it is parsed, and decoded as a picture.
        if envelope.len() as u64 > 2 * Picture::LONGEST {
            return Err(bad_response("the thumbnail is too long"));
        }
        let envelope = String::from_utf8(envelope).map_err(|_| bad_response("the thumbnail is no envelope"))?;
        self.key.open_thumbnail(envelope.trim_ascii(), size_type.as_str()).await
    }
}

pub(super) async fn store(vault: &Service, key: &FileKey, attachment: &Id, picture: &Picture) -> Result<Thumbnail> {
    let envelope = key.seal_thumbnail(&picture.bytes, picture.size_type.as_str()).await?;
    thumbnails::create(vault, attachment, picture.size_type, envelope).await
}
