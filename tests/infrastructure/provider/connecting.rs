//! The way to a provider: off limits or not, under a certificate of one's own, through a proxy.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use layered_tests::upstream::{Answer, FaultyUpstream};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use secrecy::SecretString;
use tidegate_domain::{
    fault::{FaultKind, TransportFault, Work},
    inference::ClientFactory,
};
use tidegate_infrastructure::provider::{Authorities, ProviderClient, Providers, Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer},
};

use super::{WHOLE, client_with, instance, outcome, settings};

const CONNECT: FaultKind = FaultKind::Transport(TransportFault::Connect);
const TLS: FaultKind = FaultKind::Transport(TransportFault::Tls);

/// Stands before `upstream` with a certificate of its own for `localhost`: its port, and the certificate in PEM.
async fn under_tls(upstream: &FaultyUpstream) -> (u16, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, upstream) = (listen().await, upstream.address());
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut beyond = TcpStream::connect(upstream).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut stream, &mut beyond).await });
        }
    });
    (port, cert.pem())
}

async fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// A proxy that answers `CONNECT` with `answer`, leads to `destination` whatever it was asked for, and remembers what it was asked.
struct ScriptedProxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl ScriptedProxy {
    async fn start(answer: &'static str, destination: SocketAddr) -> Self {
        let listener = listen().await;
        let (address, heads) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
                }
                seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                stream.write_all(answer.as_bytes()).await.unwrap();
                let mut beyond = TcpStream::connect(destination).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut stream, &mut beyond).await });
            }
        });
        Self { address, heads }
    }

    fn client(&self, base_url: &str) -> ProviderClient {
        let credentials = SecretString::from("me:secret");
        let mut settings = settings(base_url);
        settings.proxy = Some(Proxy::new(&format!("http://{}", self.address), Some(&credentials)).unwrap());
        client_with(settings)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

#[track_caller]
fn check_answered(outcome: &super::Outcome) {
    assert_eq!(outcome.fault, None);
    assert!(outcome.text.contains(&Answer::default().text("a")), "{}", outcome.text);
}

#[tokio::test]
async fn a_certificate_counts_for_the_provider_that_was_told_of_its_authority_and_for_no_other() {
    let upstream = FaultyUpstream::start("a").await;
    let (port, pem) = under_tls(&upstream).await;
    let mut settings = settings(&format!("https://localhost:{port}/v1"));
    assert_eq!(outcome(&client_with(settings.clone()), WHOLE).await.fault, Some((TLS, Work::NotSent)));
    settings.authorities = Some(Authorities::from_pem(&pem).unwrap());
    check_answered(&outcome(&client_with(settings.clone()), WHOLE).await);
    // Under another name than the certificate's, its authority is no help.
    settings.base_url = Some(format!("https://127.0.0.1:{port}/v1"));
    assert_eq!(outcome(&client_with(settings), WHOLE).await.fault, Some((TLS, Work::NotSent)));
    assert_eq!(upstream.request_count(), 1);
}

#[tokio::test]
async fn a_proxy_opens_a_tunnel_and_sees_neither_the_key_nor_the_prompt() {
    let upstream = FaultyUpstream::start("a").await;
    let (port, pem) = under_tls(&upstream).await;
    let proxy =
        ScriptedProxy::start("HTTP/1.1 200 Connection established\r\n\r\n", ([127, 0, 0, 1], port).into()).await;
    let mut settings = settings("https://localhost/v1");
    settings.authorities = Some(Authorities::from_pem(&pem).unwrap());
    settings.proxy = Some(Proxy::new(&format!("http://{}", proxy.address), None).unwrap());
    check_answered(&outcome(&client_with(settings), WHOLE).await);
    assert_eq!(proxy.heads(), ["CONNECT localhost:443 HTTP/1.1\r\nhost: localhost:443\r\n\r\n"]);
    assert_eq!(upstream.requests()[0].header("authorization"), Some("Bearer sk-canary"));
}

#[tokio::test]
async fn a_proxy_is_shown_its_credentials_and_the_provider_is_not() {
    let upstream = FaultyUpstream::start("a").await;
    let proxy = ScriptedProxy::start("HTTP/1.0 200 OK\r\nvia: it\r\n\r\n", upstream.address()).await;
    check_answered(&outcome(&proxy.client("http://models.internal:8000/v1"), WHOLE).await);
    let heads = proxy.heads();
    assert!(heads[0].starts_with("CONNECT models.internal:8000 HTTP/1.1\r\n"), "{heads:?}");
    assert!(heads[0].contains("\r\nproxy-authorization: Basic bWU6c2VjcmV0\r\n"), "{heads:?}");
    assert_eq!(upstream.requests()[0].header("proxy-authorization"), None);
}

#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_is_a_connection_that_does_not_stand() {
    let upstream = FaultyUpstream::start("a").await;
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
    ] {
        let proxy = ScriptedProxy::start(answer, upstream.address()).await;
        let found = outcome(&proxy.client("http://models.internal/v1"), WHOLE).await.fault;
        assert_eq!(found, Some((CONNECT, Work::NotSent)), "{answer}");
    }
    assert_eq!(upstream.request_count(), 0);
}

#[test]
fn an_address_off_limits_makes_no_client_unless_its_provider_allows_it() {
    for url in ["http://169.254.169.254/v1", "http://[fe80::1]/v1", "https://metadata.google.internal/v1"] {
        let mut settings = settings(url);
        let error = Providers::new(vec![settings.clone()]).unwrap().client(&instance()).unwrap_err();
        assert!(error.to_string().contains("allow_link_local"), "{error}");
        settings.allow_link_local = true;
        Providers::new(vec![settings]).unwrap().client(&instance()).unwrap();
    }
}

#[tokio::test]
async fn a_number_that_the_system_reads_as_an_address_off_limits_is_not_connected_to() {
    // 169.254.169.254 as one number: no literal address to us, but one to the system's resolver.
    let found = outcome(&client_with(settings("http://2852039166/v1")), WHOLE).await.fault;
    assert_eq!(found, Some((CONNECT, Work::NotSent)));
}
