//! HTTPS on the gateway listener: certificates from files, renewed without a restart, asked of clients.

use std::{fs, net::SocketAddr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Client, Identity};
use ringfence::config::Tls;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::refused::assert_refused;
use crate::{
    running::until_metric,
    serving::Server,
    support::{
        app::{Answer, TestApp},
        command::{Directory, PATIENCE, ringfence, run, stderr, stdout},
    },
};

const USERS: &str = "/api/v2/users";

/// Who vouches for certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for this machine, and its key.
    fn issue(&self) -> (String, String) {
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// A client that believes this authority alone.
    fn client(&self) -> reqwest::ClientBuilder {
        let believed = Certificate::from_pem(self.pem.as_bytes()).unwrap();
        Client::builder().no_proxy().pool_max_idle_per_host(0).tls_certs_only([believed])
    }
}

/// Writes a certificate with its key and tells where.
fn put(directory: &Directory, (cert, key): &(String, String)) -> Tls {
    let (cert, key) = (directory.write("cert.pem", cert), directory.write("key.pem", key));
    Tls { cert: cert.into(), key: key.into(), client_ca: None }
}

/// A stranger's request, which is refused as over plain HTTP.
async fn ask(app: &TestApp, client: &Client) -> Answer {
    app.send(client.get(format!("https://{}{USERS}", app.addresses.gateway))).await
}

/// Whether a handshake succeeds; nothing is asked.
async fn shakes_hands(gateway: SocketAddr, authority: &Authority, protocols: &[&str]) -> Option<Vec<u8>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(gateway).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
    Some(shaken.get_ref().1.alpn_protocol().unwrap_or_default().to_vec())
}

#[tokio::test]
async fn https_is_served_as_http_1_and_2_and_nothing_else_is() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let tls = put(&directory, &authority.issue());
    let app = TestApp::start_with(|config| {
        config.gateway.tls = Some(tls);
        config.gateway.header_read_timeout_ms = 1_000;
    })
    .await;
    let answer = ask(&app, &authority.client().build().unwrap()).await;
    assert_refused(&app, "https", &answer, 401, "authentication.required").await;
    assert_eq!(shakes_hands(app.addresses.gateway, &authority, &["h2", "http/1.1"]).await.unwrap(), b"h2");
    assert_eq!(shakes_hands(app.addresses.gateway, &authority, &["http/1.1"]).await.unwrap(), b"http/1.1");
    assert_eq!(shakes_hands(app.addresses.gateway, &authority, &["ftp"]).await, None);

    let mut plain = app.socket().await;
    plain.write(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n").await;
    assert!(!plain.end_bytes().await.starts_with(b"HTTP"), "plain HTTP is told nothing");
    let silent = app.socket().await;
    assert_eq!(silent.end_bytes().await, b"", "no handshake in time");
    app.finish().await;
}

#[tokio::test]
async fn a_renewed_certificate_holds_without_a_restart_and_a_broken_one_does_not() {
    let (before, after, directory) = (Authority::new(), Authority::new(), Directory::new());
    let tls = put(&directory, &before.issue());
    let app = TestApp::start_with(|config| config.gateway.tls = Some(tls)).await;
    assert!(shakes_hands(app.addresses.gateway, &before, &[]).await.is_some());

    // Half of a renewal: a certificate without its key.
    let (cert, key) = after.issue();
    directory.write("cert.pem", &cert);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(shakes_hands(app.addresses.gateway, &before, &[]).await.is_some(), "the one before stays in use");

    directory.write("key.pem", &key);
    let renewed = async {
        while shakes_hands(app.addresses.gateway, &after, &[]).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.expect("the new one is taken up");
    assert!(shakes_hands(app.addresses.gateway, &before, &[]).await.is_none());
    app.finish().await;
}

/// By the process itself: at a signal, and told in its metrics.
#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_seen_in_the_metrics_and_a_signal_has_it_read_again() {
    const USABLE: &str = "ringfence_certificate_usable ";
    let (before, after, directory) = (Authority::new(), Authority::new(), Directory::new());
    let tls = put(&directory, &before.issue());
    let server = Server::start_with(|serve| {
        serve.env("RINGFENCE__GATEWAY__TLS__CERT", &tls.cert).env("RINGFENCE__GATEWAY__TLS__KEY", &tls.key);
    })
    .await;
    let gateway = server.gateway.strip_prefix("http://").unwrap().parse().unwrap();
    assert!(shakes_hands(gateway, &before, &[]).await.is_some());
    until_metric(&server.telemetry, USABLE, 1.0).await;

    directory.write("cert.pem", "no certificate");
    server.process.signal("HUP");
    until_metric(&server.telemetry, USABLE, 0.0).await;
    assert!(shakes_hands(gateway, &before, &[]).await.is_some(), "the one before stays in use");

    put(&directory, &after.issue());
    server.process.signal("HUP");
    until_metric(&server.telemetry, USABLE, 1.0).await;
    assert!(shakes_hands(gateway, &after, &[]).await.is_some());
    assert!(shakes_hands(gateway, &before, &[]).await.is_none());
}

#[tokio::test]
async fn where_clients_must_show_a_certificate_others_are_turned_away() {
    let (authority, clients, directory) = (Authority::new(), Authority::new(), Directory::new());
    let mut tls = put(&directory, &authority.issue());
    tls.client_ca = Some(directory.write("clients.pem", &clients.pem).into());
    let app = TestApp::start_with(|config| config.gateway.tls = Some(tls)).await;
    let showing = |(cert, key): (String, String)| {
        let identity = Identity::from_pem((cert + &key).as_bytes()).unwrap();
        authority.client().identity(identity).build().unwrap()
    };
    let answer = ask(&app, &showing(clients.issue())).await;
    assert_refused(&app, "a client", &answer, 401, "authentication.required").await;
    for (what, client) in
        [("none", authority.client().build().unwrap()), ("a foreign one", showing(authority.issue()))]
    {
        let url = format!("https://{}{USERS}", app.addresses.gateway);
        #[expect(clippy::disallowed_methods, reason = "there is no answer to count")]
        let outcome = client.get(url).send().await;
        assert!(outcome.is_err(), "{what}");
    }
    app.finish().await;
}

#[test]
fn files_that_cannot_be_used_are_named_with_what_to_put_there() {
    let (authority, directory) = (Authority::new(), Directory::new());
    put(&directory, &authority.issue());
    directory.write("other.pem", &authority.issue().1);
    directory.write("empty.pem", "");
    let made = run(&["init", "--dir", &directory.file("installation")]);
    assert!(made.status.success(), "{}", stderr(&made));
    let config = directory.file("installation/ringfence.toml");
    let cases = [
        ("../cert.pem", "../missing.pem", "", "`gateway.tls.key`", "cannot be read"),
        ("../empty.pem", "../key.pem", "", "`gateway.tls.cert`", "holds no certificate"),
        ("../cert.pem", "../cert.pem", "", "`gateway.tls.key`", "holds no private key"),
        ("../cert.pem", "../other.pem", "", "`gateway.tls.key`", "does not fit the certificate"),
        ("../cert.pem", "../key.pem", "../key.pem", "`gateway.tls.client_ca`", "holds no certificate"),
    ];
    for (cert, key, client_ca, named, what) in cases {
        let mut serve = ringfence(&["serve", "--config", &config]);
        serve.env("RINGFENCE__GATEWAY__TLS__CERT", cert).env("RINGFENCE__GATEWAY__TLS__KEY", key);
        if !client_ca.is_empty() {
            serve.env("RINGFENCE__GATEWAY__TLS__CLIENT_CA", client_ca);
        }
        let output = serve.output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{what}: {}", stderr(&output));
        assert!(stderr(&output).contains(named), "{named}: {}", stderr(&output));
        assert!(stderr(&output).contains(what), "{what}: {}", stderr(&output));
    }
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("[gateway]", "[gateway]\ntls = { cert = \"../cert.pem\", key = \"k.pem\" }"),
    )
    .unwrap();
    let shown = run(&["config", "show", "--config", &config]);
    assert!(stdout(&shown).contains("\ntls = { cert = \"/"), "{}{}", stdout(&shown), stderr(&shown));
}
