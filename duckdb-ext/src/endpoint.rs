//! The requests to a server of embeddings: one connection for the texts of one call, closed after it.
//!
//! Nothing but the URL that the user named is contacted: no redirect is followed, and no proxy is taken from the
//! environment. No thread is started for anything, nor a connection kept that a process that forks would share.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use lumos_core::embed::endpoint::Endpoint;
use lumos_core::{Error, Result};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout, time};
use ureq::{Agent, config::Config, http};

/// How often a server may ask for patience.
const TRIES: u32 = 4;
/// How long a wait lasts between looks at whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// Reads the options of `lumos_model_add`.
pub fn parse(url: &str, options: Option<&str>) -> Result<Endpoint> {
    let endpoint = Endpoint::parse(url, options, ask)?;
    trusted(&endpoint).map(|_| endpoint)
}

/// The vectors of the texts, in as many requests as the endpoint's batches take.
pub fn ask(endpoint: &Endpoint, texts: &[&str], stop: &dyn Fn() -> bool) -> Result<Vec<Vec<f32>>> {
    let config = Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(trusted(endpoint)?).build())
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("lumos/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), Names);
    let mut vectors = Vec::with_capacity(texts.len());
    for batch in texts.chunks(endpoint.batch()) {
        let answer = request(&agent, endpoint, batch, stop)?;
        vectors.extend(endpoint.vectors(&answer, batch.len())?);
    }
    Ok(vectors)
}

/// The certificates by which a server is known.
fn trusted(endpoint: &Endpoint) -> Result<RootCerts> {
    let Some(pem) = endpoint.ca() else {
        return Ok(RootCerts::WebPki);
    };
    let read: Result<Vec<_>, _> = parse_pem(pem.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(e) => Some(Err(e)),
        })
        .collect();
    match read {
        Ok(certificates) => Ok(RootCerts::from(certificates)),
        Err(e) => Err(Error::new(format!("the option \"ca\" is damaged: {e}"))),
    }
}

/// The body of a successful answer; a server that has too much to do is asked again, within the time given.
fn request(
    agent: &Agent,
    endpoint: &Endpoint,
    texts: &[&str],
    stop: &dyn Fn() -> bool,
) -> Result<Vec<u8>> {
    let end = Instant::now() + endpoint.timeout();
    let body = endpoint.request(texts);
    for tried in 1.. {
        check(stop)?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(endpoint.late());
        }
        let (status, patience, answer) =
            post(agent, endpoint, &body, texts.len(), left).map_err(|e| match e {
                ureq::Error::Timeout(_) => endpoint.late(),
                // These quote what came.
                ureq::Error::Protocol(_) | ureq::Error::Http(_) => {
                    endpoint.silence(&"what came is not HTTP")
                }
                other => {
                    let text = other.to_string();
                    // What follows names whom the server's certificate is for.
                    endpoint.silence(&text.split(';').next().unwrap_or_default())
                }
            })?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let wait = patience.unwrap_or(Duration::from_millis(250 << tried));
        // A server may ask for more patience than a clock can count.
        let again = Instant::now()
            .checked_add(wait)
            .filter(|again| *again < end);
        let (Some(again), true) = (again, matches!(status, 429 | 503) && tried < TRIES) else {
            return Err(endpoint.refusal(status, &answer));
        };
        while let Some(rest) = again.checked_duration_since(Instant::now()) {
            check(stop)?;
            thread::sleep(rest.min(NAP));
        }
    }
    Err(endpoint.late())
}

/// The status of one answer, how long the server wants to be left alone, and the body.
fn post(
    agent: &Agent,
    endpoint: &Endpoint,
    body: &str,
    texts: usize,
    left: Duration,
) -> Result<(u16, Option<Duration>, Vec<u8>), ureq::Error> {
    let mut request = agent
        .post(endpoint.url())
        .config()
        .timeout_global(Some(left))
        .build()
        .header("Content-Type", "application/json");
    if let Some(key) = endpoint.key() {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    let mut answer = request.send(body)?;
    let patience = answer
        .headers()
        .get("Retry-After")
        .and_then(|seconds| seconds.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let limit = Endpoint::longest_answer(texts);
    let bytes = answer.body_mut().with_config().limit(limit).read_to_vec()?;
    Ok((answer.status().as_u16(), patience, bytes))
}

fn check(stop: &dyn Fn() -> bool) -> Result<()> {
    if stop() {
        Err(Error::new("interrupted"))
    } else {
        Ok(())
    }
}

/// The names of hosts, by the system's own means. The library would do it on a thread, to heed the timeout here too.
struct Names;

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let patient = NextTimeout {
            after: time::Duration::NotHappening,
            ..timeout
        };
        DefaultResolver::default().resolve(uri, config, patient)
    }
}
