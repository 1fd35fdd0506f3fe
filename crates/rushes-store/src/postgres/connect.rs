//! From a URL to a server: which one, who asks, and how the way there is encrypted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// A server, and how to get there.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    /// For people: where it is, without user and password.
    pub(super) place: String,
}

/// What the server's certificate must prove, as PostgreSQL's own clients understand `sslmode`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    /// Nothing: whoever listens only must not read along.
    None,
    /// That it is the host that was named, by the system's authorities.
    System,
    /// The same by the authorities in a file.
    File(PathBuf),
}

impl Target {
    /// Reads a URL, `postgres://user:password@host:port/database?sslmode=verify-full`. No error
    /// repeats any part of it that could be a password.
    pub(super) fn read(url: &str, connect_timeout: Duration) -> Result<Self> {
        let wrong = |why: &str| {
            Error::Invalid(format!(
                "the database's URL should be postgres://USER:PASSWORD@HOST:PORT/NAME: {why}"
            ))
        };
        let rest =
            ["postgres://", "postgresql://"].iter().find_map(|begin| url.strip_prefix(begin));
        let rest = rest.ok_or_else(|| wrong("it begins otherwise"))?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.matches('@').count() > 1 {
            return Err(wrong("an @ in user or password is written %40"));
        }
        let (url, mode, roots) = without_tls(url);
        let mut config: Config = url
            .parse()
            .map_err(|error: tokio_postgres::Error| wrong(&super::ask::chain(&error)))?;
        let (ssl, proof) = proof(mode.as_deref(), roots).ok_or_else(|| {
            wrong("sslmode is disable, prefer, require, verify-ca or verify-full")
        })?;
        config.ssl_mode(ssl).connect_timeout(connect_timeout);
        if config.get_application_name().is_none() {
            config.application_name("rushes");
        }
        let place = place(&config);
        Ok(Self { config, tls: tls(&proof)?, place })
    }
}

/// The URL without the two options that its reader does not know all of, and these.
fn without_tls(url: &str) -> (String, Option<String>, Option<PathBuf>) {
    let (base, options) = url.split_once('?').unwrap_or((url, ""));
    let (mut mode, mut roots, mut others) = (None, None, Vec::new());
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => roots = Some(value.replace("%2F", "/").into()),
            _ => others.push(option),
        }
    }
    let mark = if others.is_empty() { "" } else { "?" };
    (format!("{base}{mark}{}", others.join("&")), mode, roots)
}

fn proof(mode: Option<&str>, roots: Option<PathBuf>) -> Option<(SslMode, Proof)> {
    let by_file = |otherwise| roots.map_or(otherwise, Proof::File);
    match mode {
        Some("disable") => Some((SslMode::Disable, Proof::None)),
        None | Some("prefer") => Some((SslMode::Prefer, Proof::None)),
        Some("require") => Some((SslMode::Require, by_file(Proof::None))),
        Some("verify-ca" | "verify-full") => Some((SslMode::Require, by_file(Proof::System))),
        Some(_) => None,
    }
}

fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "its address".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("{host}:{port}/{name}")
}

fn tls(proof: &Proof) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Database(Box::new(error)))?;
    let config = match proof {
        Proof::None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth(),
        Proof::System => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        Proof::File(path) => builder.with_root_certificates(roots_in(path)?).with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn roots_in(path: &PathBuf) -> Result<RootCertStore> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Error::Invalid(format!("sslrootcert {}: {why}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() {
        return Err(unreadable(&"it holds no certificate"));
    }
    Ok(roots)
}

/// Takes any certificate, as `sslmode=prefer` and `require` do in all of PostgreSQL's clients: the
/// way is encrypted, but who is at its end is not proven. Signatures are checked all the same.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Target> {
        Target::read(url, Duration::from_secs(1))
    }

    #[test]
    fn no_error_repeats_a_password() {
        for url in [
            "postgres://me:sec%ret@host/db",
            "postgres://me:sec@ret@host/db",
            "postgres://me:secret@host:port/db",
            "postgres://me:secret@host/db?sslmode=secret",
            "postgres://me:secret@host/db?secret",
            "mysql://me:secret@host/db",
        ] {
            let Err(error) = read(url) else { continue };
            assert!(!error.to_string().contains("sec"), "{error}");
        }
        let target = read("postgres://me:secret@host:5433/db").unwrap();
        assert_eq!(target.place, "host:5433/db");
    }

    #[test]
    fn sslmode_means_what_it_means_to_psql() {
        let mode = |url: &str| read(url).map(|target| target.config.get_ssl_mode());
        assert_eq!(mode("postgres://h/d").unwrap(), SslMode::Prefer);
        assert_eq!(mode("postgres://h/d?sslmode=disable").unwrap(), SslMode::Disable);
        let full = "postgres://h/d?connect_timeout=3&sslmode=verify-full";
        assert_eq!(mode(full).unwrap(), SslMode::Require);
        let missing = "postgres://h/d?sslmode=verify-full&sslrootcert=/none.pem";
        assert!(mode(missing).unwrap_err().to_string().contains("/none.pem"));
    }
}
