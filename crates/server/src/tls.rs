//! TLS of the server's own: the certificate from files, read again when they change.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use serde::Serialize;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

use crate::error::{Error, Result};

/// HTTP/2, which browsers speak over TLS alone.
pub(crate) const HTTP_2: &[u8] = b"h2";

/// The files of a certificate, both in PEM.
#[derive(Clone, Debug, Default, Serialize, confique::Config)]
#[config(layer_attr(derive(clap::Args)), layer_attr(serde(deny_unknown_fields)))]
pub struct TlsConfig {
    /// A file with the certificate, and those between it and the authority. With it the server speaks TLS, and HTTP/2; without
    /// it a proxy has to. It and the key are read again when they change.
    #[config(env = "VAULTSHARE_TLS_CERTIFICATE")]
    #[config(layer_attr(arg(long = "tls-certificate", value_name = "FILE", requires = "tls-key")))]
    pub certificate: Option<PathBuf>,
    /// The file with its private key.
    #[config(env = "VAULTSHARE_TLS_KEY")]
    #[config(layer_attr(arg(long = "tls-key", id = "tls-key", value_name = "FILE")))]
    pub key: Option<PathBuf>,
}

impl TlsConfig {
    /// What speaks TLS with this certificate; `None` where there is none.
    pub fn acceptor(&self) -> Result<Option<TlsAcceptor>> {
        let (certificate, key) = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
            (None, None) => return Ok(None),
            _ => return Err(Error::fault("TLS takes a certificate and its key: tls.certificate and tls.key")),
        };
        let provider = Arc::new(ring::default_provider());
        let certificates = Certificates::load(Files { certificate, key }, Arc::clone(&provider))?;
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config =
            versions.map_err(Error::fault)?.with_no_client_auth().with_cert_resolver(Arc::new(certificates));
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// When each of the files was written, where that can be told.
type Written = [Option<SystemTime>; 2];

impl Files {
    fn written(&self) -> Written {
        [&self.certificate, &self.key].map(|file| fs::metadata(file).and_then(|data| data.modified()).ok())
    }

    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey> {
        let unreadable = |file: &PathBuf, reason: &dyn std::fmt::Display| {
            Error::fault(format!("{} cannot be read: {reason}", file.display()))
        };
        let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| unreadable(&self.certificate, &error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| unreadable(&self.key, &error))?;
        let signing_key = provider.key_provider.load_private_key(key).map_err(|error| unreadable(&self.key, &error))?;
        let certified = CertifiedKey::new(chain, signing_key);
        if certified.cert.is_empty() {
            return Err(unreadable(&self.certificate, &"no certificate is in it"));
        }
        certified.keys_match().map_err(|_| {
            let (key, certificate) = (self.key.display(), self.certificate.display());
            Error::fault(format!("{key} is not the key of the certificate in {certificate}"))
        })?;
        Ok(certified)
    }
}

/// The certificate that is shown. One that cannot be read, as when only one of the files has been written yet, does not take
/// the place of the last.
#[derive(Debug)]
struct Certificates {
    files: Files,
    provider: Arc<CryptoProvider>,
    current: Mutex<(Written, Arc<CertifiedKey>)>,
}

impl Certificates {
    fn load(files: Files, provider: Arc<CryptoProvider>) -> Result<Self> {
        let written = files.written();
        let key = files.read(&provider)?;
        Ok(Self { files, provider, current: Mutex::new((written, Arc::new(key))) })
    }

    /// Looks at the times of two files for each connection, which costs next to nothing beside its handshake.
    fn current(&self) -> Arc<CertifiedKey> {
        let written = self.files.written();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (seen, key) = &mut *current;
        if *seen != written {
            *seen = written;
            match self.files.read(&self.provider) {
                Ok(new) => {
                    *key = Arc::new(new);
                    tracing::info!("the certificate was read again");
                }
                Err(error) => tracing::error!(%error, "the certificate before it is still shown"),
            }
        }
        Arc::clone(key)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}
