//! TLS on a listener: certificates from files, read again when these change, so that renewing one needs no restart.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    signal::unix::{SignalKind, signal},
    time,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where the certificate, its key and those who vouch for clients are read from; all PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, then those that vouch for it.
    pub cert: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Who vouches for clients, which then must show a certificate.
    pub client_ca: Option<PathBuf>,
}

/// What is wrong with one of the files.
#[derive(Debug, thiserror::Error)]
#[error("`{}` {what}", file.display())]
pub struct TlsError {
    /// The setting that names the file: `cert`, `key` or `client_ca`.
    pub setting: &'static str,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it, and what to put there.
    pub what: String,
}

/// The TLS of a listener. Clones share what was read last.
#[derive(Clone)]
pub struct Tls {
    files: Arc<TlsFiles>,
    current: Arc<ArcSwap<ServerConfig>>,
    // What was read at first: a change since is one.
    loaded: Arc<Contents>,
}

/// What the files held, to tell whether they changed.
#[derive(PartialEq, Eq)]
struct Contents {
    cert: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files, which must fit together.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let loaded = Arc::new(files.read()?);
        let current = Arc::new(ArcSwap::from_pointee(files.config(&loaded)?));
        Ok(Self { files: Arc::new(files), current, loaded })
    }

    /// Reads the files again whenever they change, and at SIGHUP. What cannot be used is told in the log, and what was
    /// read before stays in use.
    pub async fn follow(self) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
        let usable = metrics::gauge!("ringfence_certificate_usable");
        usable.set(1.0);
        let mut seen = Some(self.loaded);
        let mut looks = time::interval(LOOK_EVERY);
        loop {
            let asked = tokio::select! {
                _ = looks.tick() => false,
                _ = hangup.recv() => true,
            };
            let files = Arc::clone(&self.files);
            let Ok(read) = tokio::task::spawn_blocking(move || files.read()).await else { continue };
            if !asked && read.as_ref().ok() == seen.as_deref() {
                continue;
            }
            match read
                .as_ref()
                .map_err(ToString::to_string)
                .and_then(|contents| self.files.config(contents).map_err(|error| error.to_string()))
            {
                Ok(config) => {
                    self.current.store(Arc::new(config));
                    usable.set(1.0);
                    tracing::info!("the certificate was read again");
                }
                Err(error) => {
                    usable.set(0.0);
                    tracing::warn!(error, "the certificate before stays in use");
                }
            }
            seen = read.ok().map(Arc::new);
        }
    }

    pub(super) async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: T,
    ) -> std::io::Result<TlsStream<T>> {
        TlsAcceptor::from(self.current.load_full()).accept(stream).await
    }
}

impl TlsFiles {
    fn read(&self) -> Result<Contents, TlsError> {
        let read = |setting, file: &Path| {
            std::fs::read(file).map_err(|error| problem(setting, file, format!("cannot be read: {error}")))
        };
        Ok(Contents {
            cert: read("cert", &self.cert)?,
            key: read("key", &self.key)?.into(),
            client_ca: self.client_ca.as_ref().map(|file| read("client_ca", file)).transpose()?,
        })
    }

    fn config(&self, contents: &Contents) -> Result<ServerConfig, TlsError> {
        let chain = certificates("cert", &self.cert, &contents.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| {
            problem(
                "key",
                &self.key,
                "holds no private key: put the certificate's there, as PEM, not encrypted",
            )
        })?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| problem("cert", &self.cert, error))?;
        let builder = match self.client_ca.as_ref().zip(contents.client_ca.as_ref()) {
            None => builder.with_no_client_auth(),
            Some((file, pem)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates("client_ca", file, pem)? {
                    roots.add(certificate).map_err(|error| problem("client_ca", file, error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = verifier.build().map_err(|error| problem("client_ca", file, error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            let what = format!("does not fit the certificate in `{}`: {error}", self.cert.display());
            problem("key", &self.key, what)
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(
    setting: &'static str,
    file: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.ok().filter(|certificates| !certificates.is_empty()).ok_or_else(|| {
        problem(setting, file, "holds no certificate: put one there, as PEM (`-----BEGIN CERTIFICATE-----`)")
    })
}

fn problem(setting: &'static str, file: &Path, what: impl fmt::Display) -> TlsError {
    TlsError { setting, file: file.to_owned(), what: what.to_string() }
}
