//! A TCP proxy between the service and a store, which fails as networks do: connections fall
//! silent, are reset or half-closed, answers are slow or lost, and the address behind a name
//! changes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Which part of an exchange is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The connection is reset before the store receives the request.
    Request,
    /// The store does what was asked. The connection is reset in place of the reply.
    Reply,
}

/// What happens to the connections that are open when it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Forwarded,
    /// Nothing is forwarded any more, and nothing is closed.
    Silent,
    /// The side of the store is closed, the side of the service stays open and silent.
    HalfOpen,
    Reset,
}

struct Plan {
    target: SocketAddr,
    delay: Duration,
    /// The exchange after so many others loses this part. Counted over all connections.
    loss: Option<(usize, Lost)>,
    /// New connections are accepted and then silent.
    swallows_new: bool,
    /// The store is not told that the service closed a silent connection.
    keeps_store_side: bool,
}

struct Shared {
    plan: Mutex<Plan>,
    /// Of each connection, with its number: connections opened later have a higher one.
    fate: watch::Sender<(usize, Fate)>,
    opened: AtomicUsize,
    open: AtomicUsize,
    requests: AtomicUsize,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running proxy. Dropping it closes its port and its connections.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let plan = Plan {
            target,
            delay: Duration::ZERO,
            loss: None,
            swallows_new: false,
            keeps_store_side: false,
        };
        let shared = Arc::new(Shared {
            plan: Mutex::new(plan),
            fate: watch::Sender::new((0, Fate::Forwarded)),
            opened: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        });
        let accepting = shared.clone();
        let listener = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = accepting.opened.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(carry(client, number, accepting.clone()));
            }
        });
        Self { address, shared, listener }
    }

    /// The same for the host and port of a store's URL. Gives the URL through the proxy too.
    ///
    /// # Panics
    /// If the URL has no numeric address.
    pub async fn before(url: &str) -> (Self, String) {
        let mut through: url::Url = url.parse().expect("a URL");
        let target =
            format!("{}:{}", through.host_str().expect("a host"), through.port().expect("a port"));
        let proxy = Self::to(target.parse().expect("an address")).await;
        through.set_port(Some(proxy.address.port())).expect("a port can be set");
        (proxy, through.to_string())
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections go to another address.
    pub fn redirect(&self, target: SocketAddr) {
        self.shared.plan().target = target;
    }

    /// The open connections fall silent: nothing is forwarded or closed. New ones work.
    pub fn silence(&self) {
        self.decide(Fate::Silent);
    }

    /// New connections are accepted and stay silent, until this is called with `false`.
    pub fn swallow_new(&self, swallows: bool) {
        self.shared.plan().swallows_new = swallows;
    }

    /// Whether the store keeps its side of a silent connection that the service has closed, as
    /// when a network loses the closing too. For as long as the proxy lives.
    pub fn keep_store_side(&self, keeps: bool) {
        self.shared.plan().keeps_store_side = keeps;
    }

    /// The open connections are reset. New ones work.
    pub fn reset(&self) {
        self.decide(Fate::Reset);
    }

    /// The store's side of the open connections closes. The service is not told.
    pub fn half_open(&self) {
        self.decide(Fate::HalfOpen);
    }

    /// Every reply is forwarded this much later.
    pub fn delay(&self, delay: Duration) {
        self.shared.plan().delay = delay;
    }

    /// A part of the next exchange is lost, or of the one after `skip` others.
    pub fn lose(&self, skip: usize, part: Lost) {
        self.shared.plan().loss = Some((skip, part));
    }

    /// Whether a loss is still to come.
    #[must_use]
    pub fn has_loss_pending(&self) -> bool {
        self.shared.plan().loss.is_some()
    }

    /// Requests forwarded so far: what the service sent at once.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Connections opened so far.
    #[must_use]
    pub fn opened(&self) -> usize {
        self.shared.opened.load(Ordering::SeqCst)
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    fn decide(&self, fate: Fate) {
        let newest = self.shared.opened.load(Ordering::SeqCst);
        self.shared.fate.send_replace((newest, fate));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.decide(Fate::Reset);
    }
}

/// The part of this request's exchange that is lost, if it is this one's turn.
fn loss_of_this(shared: &Shared) -> Option<Lost> {
    let mut plan = shared.plan();
    match plan.loss {
        Some((0, part)) => {
            plan.loss = None;
            Some(part)
        }
        Some((skip, part)) => {
            plan.loss = Some((skip - 1, part));
            None
        }
        None => None,
    }
}

/// Closes with RST in place of FIN.
fn reset(stream: &TcpStream) {
    // A socket that is closed already needs no reset.
    let _ = stream.set_zero_linger();
}

async fn carry(mut client: TcpStream, number: usize, shared: Arc<Shared>) {
    shared.open.fetch_add(1, Ordering::SeqCst);
    forward(&mut client, number, &shared).await;
    shared.open.fetch_sub(1, Ordering::SeqCst);
}

async fn forward(client: &mut TcpStream, number: usize, shared: &Shared) {
    let mut fate = shared.fate.subscribe();
    let (target, swallowed) = {
        let plan = shared.plan();
        (plan.target, plan.swallows_new)
    };
    if swallowed {
        return until_closed_or_reset(client, number, &mut fate).await;
    }
    let Ok(mut store) = TcpStream::connect(target).await else {
        return reset(client);
    };
    let _ = (client.set_nodelay(true), store.set_nodelay(true));
    let (mut request, mut reply) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let decided = match *fate.borrow_and_update() {
            (newest, decided) if number <= newest => decided,
            _ => Fate::Forwarded,
        };
        match decided {
            Fate::Forwarded => {}
            Fate::Reset => return reset(client),
            // The store keeps its side of a silent connection, and loses a half-open one.
            Fate::Silent => {
                until_closed_or_reset(client, number, &mut fate).await;
                if shared.plan().keeps_store_side {
                    until_dropped(&mut fate).await;
                }
                return;
            }
            Fate::HalfOpen => {
                drop(store);
                return until_closed_or_reset(client, number, &mut fate).await;
            }
        }
        tokio::select! {
            biased;
            changed = fate.changed() => if changed.is_err() { return },
            read = client.read(&mut request) => {
                let Ok(length @ 1..) = read else { return };
                shared.requests.fetch_add(1, Ordering::SeqCst);
                let lost = loss_of_this(shared);
                if lost == Some(Lost::Request) {
                    return reset(client);
                }
                if store.write_all(&request[..length]).await.is_err() {
                    return reset(client);
                }
                if lost == Some(Lost::Reply) {
                    drain(client, &mut store, &mut request, &mut reply).await;
                    return reset(client);
                }
            }
            read = store.read(&mut reply) => {
                let Ok(length @ 1..) = read else { return };
                let delay = shared.plan().delay;
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                if client.write_all(&reply[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Forwards requests, of which more parts may come, and reads replies until the store has nothing more
/// to say: it has done what was asked.
async fn drain(
    client: &mut TcpStream,
    store: &mut TcpStream,
    request: &mut [u8],
    reply: &mut [u8],
) {
    let mut patience = Duration::from_secs(5);
    loop {
        tokio::select! {
            read = client.read(request) => {
                let Ok(length @ 1..) = read else { return };
                if store.write_all(&request[..length]).await.is_err() {
                    return;
                }
            }
            read = tokio::time::timeout(patience, store.read(reply)) => {
                let Ok(Ok(1..)) = read else { return };
                patience = Duration::from_millis(50);
            }
        }
    }
}

/// Reads what the service sends and answers nothing.
async fn until_closed_or_reset(
    client: &mut TcpStream,
    number: usize,
    fate: &mut watch::Receiver<(usize, Fate)>,
) {
    let mut request = vec![0; 64 << 10];
    loop {
        tokio::select! {
            read = client.read(&mut request) => if !matches!(read, Ok(1..)) { return },
            changed = fate.changed() => {
                let (newest, decided) = *fate.borrow_and_update();
                if changed.is_err() || (decided == Fate::Reset && number <= newest) {
                    return reset(client);
                }
            }
        }
    }
}

/// Waits until the proxy is dropped.
async fn until_dropped(fate: &mut watch::Receiver<(usize, Fate)>) {
    while fate.borrow_and_update().1 != Fate::Reset && fate.changed().await.is_ok() {}
}
