//! Where the bytes of files are: objects in a folder, or in a bucket of a service that speaks as S3 does. What they are of
//! stands in the Vault's database.

use std::{fmt, ops::Range, path::PathBuf, sync::Arc, time::Duration};

use axum::{body::Bytes, http::Uri};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path,
    prefix::PrefixStore,
};
use tokio_rustls::rustls::crypto::ring;

use crate::{
    config::Config,
    error::{Error, Result},
    private,
};

/// The folder of the data folder that files are in without another place.
const FOLDER: &str = "files";

/// How long a bucket may be silent. How long a whole object takes, the client that reads it decides.
const SILENCE: Duration = Duration::from_secs(30);

/// The objects. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Storage {
    objects: Arc<dyn ObjectStore>,
    /// Where they are files.
    folder: Option<Arc<std::path::Path>>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Storage").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => Self::fault(format!("the object {path} is gone")),
            error => Self::Unavailable(format!("files are out of reach: {error}")),
        }
    }
}

/// Where a configuration has files.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Folder(PathBuf),
    Bucket { name: String, prefix: String },
}

impl Place {
    fn of(config: &Config) -> Result<Self> {
        let Some(url) = &config.files_url else { return Ok(Self::Folder(config.data.join(FOLDER))) };
        if let Some(path) = url.strip_prefix("file://").filter(|path| path.starts_with('/')) {
            return Ok(Self::Folder(path.into()));
        }
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("s3") && uri.query().is_none());
        let bucket = uri.and_then(|uri| Some((uri.host()?.to_owned(), uri.path().trim_matches('/').to_owned())));
        let (name, prefix) = bucket.ok_or_else(|| Error::fault("files_url is file:///FOLDER or s3://BUCKET/PREFIX"))?;
        Ok(Self::Bucket { name, prefix })
    }
}

/// Where a configuration has files, for people.
pub(crate) fn place_of(config: &Config) -> Result<String> {
    Ok(match Place::of(config)? {
        Place::Folder(folder) => format!("the folder {}", folder.display()),
        Place::Bucket { name, prefix } => format!("the bucket {name}, below /{prefix}"),
    })
}

impl Storage {
    pub(crate) fn open(config: &Config) -> Result<Self> {
        match Place::of(config)? {
            Place::Folder(folder) => {
                let unusable =
                    |error: &dyn fmt::Display| Error::fault(format!("no files in {}: {error}", folder.display()));
                create(&folder).map_err(|error| unusable(&error))?;
                let objects = LocalFileSystem::new_with_prefix(&folder).map_err(|error| unusable(&error))?;
                Ok(Self { objects: Arc::new(objects.with_fsync(true)), folder: Some(folder.into()) })
            }
            Place::Bucket { name, prefix } => {
                let prefix = Path::parse(prefix).map_err(Error::fault)?;
                let bucket = bucket(AmazonS3Builder::from_env(), &name)?;
                Ok(Self { objects: Arc::new(PrefixStore::new(bucket, prefix)), folder: None })
            }
        }
    }

    /// Stores an object that is not there yet.
    pub(crate) async fn put(&self, object: &str, bytes: Vec<u8>) -> Result<()> {
        self.objects.put(&Path::from(object), PutPayload::from(bytes)).await?;
        Ok(())
    }

    /// A range of an object, in pieces that are read as they are taken. It is found out before whether the object is there.
    pub(crate) async fn read(
        &self,
        object: &str,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        Ok(self.objects.get_opts(&Path::from(object), options).await?.into_stream())
    }

    /// Deletes an object, or all of a folder where there is a slash at the end. What is gone is no error.
    pub(crate) async fn delete(&self, object: &str) -> Result<()> {
        let Some(folder) = object.strip_suffix('/') else {
            return match self.objects.delete(&Path::from(object)).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                deleted => Ok(deleted?),
            };
        };
        if let Some(root) = &self.folder {
            // With what a write that was cut off has left, which no list has.
            return match tokio::fs::remove_dir_all(root.join(folder)).await {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                deleted => deleted.map_err(Error::fault),
            };
        }
        let found = self.objects.list(Some(&Path::from(folder))).map_ok(|object| object.location).boxed();
        let deleted = self.objects.delete_stream(found).try_for_each(|_| async { Ok(()) });
        Ok(deleted.await?)
    }
}

/// Whoever runs a command beside the server as root makes the folder for the server's user.
fn create(folder: &std::path::Path) -> std::io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    private::create_folder(folder)?;
    folder.parent().map_or(Ok(()), |parent| private::give_to_owner_of(parent, folder))
}

/// A bucket, by what the `AWS_…` variables of the environment say. Without TLS there is one on this machine alone.
fn bucket(builder: AmazonS3Builder, name: &str) -> Result<impl ObjectStore> {
    // Its library takes the one that the process has, and has a panic where there is none. There may be one by now.
    let _ = ring::default_provider().install_default();
    let builder = builder.with_bucket_name(name);
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint).and_then(|url| url.parse::<Uri>().ok());
    let is_local = endpoint.as_ref().and_then(Uri::host).is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    });
    let options = ClientOptions::new().with_timeout_disabled().with_read_timeout(SILENCE).with_allow_http(is_local);
    builder.with_client_options(options).build().map_err(Error::fault)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use hyper::server::conn::http1;
    use hyper_util::rt::TokioIo;
    use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
    use tokio::net::TcpListener;

    use super::*;
    use crate::testing::Folder;

    fn place(url: Option<&str>) -> Result<Place> {
        Place::of(&Config { files_url: url.map(str::to_owned), ..Config::new("/srv/data") })
    }

    #[test]
    fn files_are_in_the_data_folder_in_another_one_or_in_a_bucket() {
        let bucket = |prefix: &str| Place::Bucket { name: "files".to_owned(), prefix: prefix.to_owned() };
        assert_eq!(place(None).unwrap(), Place::Folder("/srv/data/files".into()));
        assert_eq!(place(Some("file:///mnt/files")).unwrap(), Place::Folder("/mnt/files".into()));
        assert_eq!(place(Some("s3://files")).unwrap(), bucket(""));
        assert_eq!(place(Some("s3://files/of/vaultshare/")).unwrap(), bucket("of/vaultshare"));
        for url in ["", "files", "file://files", "https://files", "s3://", "s3://files?secret"] {
            assert!(matches!(place(Some(url)), Err(Error::Fault(_))), "{url}");
        }
    }

    /// A server of buckets, which are the folders of a folder, at this address.
    async fn serve_buckets(folder: &Folder, (key, secret): (&str, &str)) -> SocketAddr {
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(key, secret));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(
                    async move { http1::Builder::new().serve_connection(TokioIo::new(stream), service).await },
                );
            }
        });
        address
    }

    #[tokio::test]
    async fn objects_are_in_a_bucket_below_a_prefix() {
        let folder = Folder::new().unwrap();
        std::fs::create_dir(folder.path().join("files")).unwrap();
        let address = serve_buckets(&folder, ("a-key", "a-secret")).await;
        let storage = |secret: &str| {
            let builder = AmazonS3Builder::new().with_endpoint(format!("http://{address}")).with_region("somewhere");
            let builder = builder.with_access_key_id("a-key").with_secret_access_key(secret);
            let objects = PrefixStore::new(bucket(builder, "files").unwrap(), "of/vaultshare");
            Storage { objects: Arc::new(objects), folder: None }
        };
        let (own, stranger) = (storage("a-secret"), storage("another-secret"));
        let bytes: Vec<u8> = (0..3_000_000).map(|at| u8::try_from(at % 251).unwrap()).collect();
        own.put("blobs/a/one", bytes.clone()).await.unwrap();
        own.put("blobs/a/two", b"two".to_vec()).await.unwrap();
        own.put("blobs/b/one", b"other".to_vec()).await.unwrap();
        assert!(folder.path().join("files/of/vaultshare/blobs/a/one").exists());
        let read: Vec<Bytes> = own.read("blobs/a/one", 1_000..2_000_000).await.unwrap().try_collect().await.unwrap();
        assert!(read.concat() == bytes[1_000..2_000_000]);
        let refused = stranger.read("blobs/a/one", 0..1).await.err().unwrap().to_string();
        assert!(matches!(stranger.put("blobs/a/three", vec![1]).await, Err(Error::Unavailable(_))));
        assert!(!refused.contains("another-secret"), "{refused}");
        own.delete("blobs/b/one").await.unwrap();
        own.delete("blobs/b/one").await.unwrap();
        assert!(own.read("blobs/b/one", 0..1).await.is_err());
        own.delete("blobs/a/").await.unwrap();
        own.delete("blobs/a/").await.unwrap();
        assert!(own.read("blobs/a/two", 0..1).await.is_err());
    }

    #[tokio::test]
    async fn a_bucket_elsewhere_is_asked_by_tls_alone() {
        for (endpoint, is_taken) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost:1", true),
            ("http://192.0.2.1:1", false),
            ("http://localhost.example:1", false),
        ] {
            let builder = AmazonS3Builder::new().with_endpoint(endpoint).with_region("somewhere");
            let builder = builder.with_access_key_id("a-key").with_secret_access_key("a-secret");
            let retry = object_store::RetryConfig { max_retries: 0, ..Default::default() };
            let found = match bucket(builder.with_retry(retry), "files") {
                Ok(bucket) => bucket.get(&Path::from("x")).await.map(drop).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let error = found.unwrap_err();
            // What is refused is the scheme, or else the connection.
            assert_eq!(
                error.contains("builder error") || error.contains("URL scheme"),
                !is_taken,
                "{endpoint}: {error}"
            );
        }
    }

    #[tokio::test]
    async fn objects_are_of_this_user_alone_and_folders_of_them_go_with_what_was_cut_off() {
        let folder = Folder::new().unwrap();
        let storage = Storage::open(&Config::new(folder.path())).unwrap();
        storage.put("blobs/a/one", b"0123456789".to_vec()).await.unwrap();
        let read: Vec<Bytes> = storage.read("blobs/a/one", 2..5).await.unwrap().try_collect().await.unwrap();
        assert_eq!(read.concat(), b"234");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join(FOLDER)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        std::fs::write(folder.path().join(FOLDER).join("blobs/a/two#1"), b"cut off").unwrap();
        storage.delete("blobs/a/one").await.unwrap();
        storage.delete("blobs/a/one").await.unwrap();
        assert!(matches!(storage.read("blobs/a/one", 0..1).await, Err(Error::Fault(_))));
        storage.delete("blobs/a/").await.unwrap();
        storage.delete("blobs/a/").await.unwrap();
        assert!(!folder.path().join(FOLDER).join("blobs/a").exists());
    }
}
