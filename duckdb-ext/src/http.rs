//! Requests to a server: one connection for those of one call, closed after it.
//!
//! Nothing but the URL that the user named is contacted: no redirect is followed, and no proxy is taken from the
//! environment. No thread is started for anything, nor a connection kept that a process that forks would share.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use lumos_core::server::{Server, Stop};
use lumos_core::{Error, Result};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
    time,
};
use ureq::{Agent, Timeout, config::Config, http};

/// How often a server may ask for patience.
const TRIES: u32 = 4;
/// How long a wait lasts between looks at whether to stop.
const NAP: Duration = Duration::from_millis(50);
/// The longest wait for a connection, in which nobody looks.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection to a server.
pub struct Client<'a> {
    agent: Agent,
    server: &'a Server,
    stop: &'a Stop,
}

impl<'a> Client<'a> {
    /// Sends nothing yet. Errors if the server's certificates cannot be read.
    pub fn new(server: &'a Server, stop: &'a Stop) -> Result<Client<'a>> {
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(trusted(server)?).build())
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT.min(server.timeout())))
            .user_agent(concat!("lumos/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector =
            ().chain(TcpConnector::default())
                .chain(Watching(Watch(stop.clone())))
                .chain(RustlsConnector::default());
        Ok(Client {
            agent: Agent::with_parts(config, connector, Names),
            server,
            stop,
        })
    }

    /// The body of a successful answer, of so many bytes at most; a server that has too much to do is asked again, within
    /// the time given. Errors if there is none, or the caller wants to stop.
    pub fn post(&self, body: &str, limit: u64) -> Result<Vec<u8>> {
        let (server, end) = (self.server, Instant::now() + self.server.timeout());
        for tried in 1.. {
            check(self.stop)?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(server.late());
            }
            let (status, patience, answer) = self.once(body, limit, left).map_err(|e| {
                check(self.stop).err().unwrap_or_else(|| match e {
                    ureq::Error::Timeout(Timeout::Connect) if CONNECT < server.timeout() => {
                        let seconds = CONNECT.as_secs();
                        server.silence(&format!("no connection within {seconds} seconds"))
                    }
                    ureq::Error::Timeout(_) => server.late(),
                    // These quote what came.
                    ureq::Error::Protocol(_) | ureq::Error::Http(_) => {
                        server.silence(&"what came is not HTTP")
                    }
                    other => {
                        let text = other.to_string();
                        // What follows names whom the server's certificate is for.
                        server.silence(&text.split(';').next().unwrap_or_default())
                    }
                })
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
                return Err(server.refusal(status, &answer));
            };
            while let Some(rest) = again.checked_duration_since(Instant::now()) {
                check(self.stop)?;
                thread::sleep(rest.min(NAP));
            }
        }
        Err(server.late())
    }

    /// The status of one answer, how long the server wants to be left alone, and the body.
    fn once(
        &self,
        body: &str,
        limit: u64,
        left: Duration,
    ) -> Result<(u16, Option<Duration>, Vec<u8>), ureq::Error> {
        let mut request = self
            .agent
            .post(self.server.url())
            .config()
            .timeout_global(Some(left))
            .build()
            .header("Content-Type", "application/json");
        if let Some(key) = self.server.key() {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut answer = request.send(body)?;
        let patience = answer
            .headers()
            .get("Retry-After")
            .and_then(|seconds| seconds.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let bytes = answer.body_mut().with_config().limit(limit).read_to_vec()?;
        Ok((answer.status().as_u16(), patience, bytes))
    }
}

/// The certificates by which a server is known. Errors if those of the option "ca" are damaged.
pub fn trusted(server: &Server) -> Result<RootCerts> {
    let Some(pem) = server.ca() else {
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

fn check(stop: &Stop) -> Result<()> {
    if stop() {
        Err(Error::new("interrupted"))
    } else {
        Ok(())
    }
}

/// Who is asked whether to stop.
#[derive(Clone)]
struct Watch(Stop);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// Puts a [`Watched`] around a connection, under its encryption.
#[derive(Debug)]
struct Watching(Watch);

impl<In: Transport> Connector<In> for Watching {
    type Out = Watched<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Watched<In>>, ureq::Error> {
        let watch = self.0.clone();
        let looked = Instant::now();
        Ok(chained.map(|inner| Watched {
            inner,
            watch,
            looked,
        }))
    }
}

/// A connection that waits for an answer in naps, and asks between them whether to stop.
#[derive(Debug)]
struct Watched<T> {
    inner: T,
    watch: Watch,
    /// When it asked last.
    looked: Instant,
}

impl<T: Transport> Transport for Watched<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let begin = Instant::now();
        loop {
            // Also between the parts of an answer that never ends.
            if self.looked.elapsed() >= NAP {
                self.looked = Instant::now();
                if (self.watch.0)() {
                    return Err(ureq::Error::Timeout(timeout.reason));
                }
            }
            let left = timeout.after.saturating_sub(begin.elapsed());
            let nap = NextTimeout {
                after: time::Duration::Exact(left.min(NAP)),
                ..timeout
            };
            match self.inner.await_input(nap) {
                Err(ureq::Error::Timeout(_)) if left > NAP => {}
                other => return other,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
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
