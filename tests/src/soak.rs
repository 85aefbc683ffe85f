//! The runs of `cargo soak`: kills, and traffic with outages. The tests run fewer kills.

use shared::clock::{Clock, Rng};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

use crate::app::{App, OUTLIVED, Seen};
use crate::invariants;
use crate::process::{self, Process};
use crate::proxy::Proxy;
use crate::remote::Remote;
use crate::stores::Stores;

/// Apps that use the service at the same time while it is killed.
const KILL_APPS: usize = 8;
/// Apps of the traffic run.
const TRAFFIC_APPS: usize = 16;
/// Longest time from the start of a service to its kill.
const LONGEST_LIFE: u32 = 120;
/// Names the file that the service logs to.
const LOG: &str = "SOAK_LOG";
/// A log of every request would be gigabytes.
const QUIET: [(&str, &str); 1] = [("LOG_LEVEL", "warn")];
/// What the service logs when Redis did not take a tombstone: the session then lives on for a
/// minute, as the contract allows.
const TOMBSTONE_FAILED: &str = "failed to write";

/// Failures are excused from the beginning of an outage until so long after its end.
const RECOVERY: Duration = Duration::from_secs(5);

/// What a run found.
#[derive(Debug, Default)]
pub struct Report {
    pub figures: Vec<String>,
    pub violations: Vec<String>,
}

impl Report {
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        !self.violations.is_empty()
    }
}

/// The child: serves on a port that it prints, until it is killed or its parent ends.
///
/// # Panics
/// If it cannot start.
pub async fn serve() {
    let log = std::env::var_os(LOG).unwrap_or_else(|| "/dev/null".into());
    local::service::log_to(File::options().create(true).append(true).open(log).expect("a log"));
    let lookup = local::service::lookup(&local::instance::Variables::new());
    let state = local::service::ServiceState::read(lookup, Clock::System).await;
    let state = state.expect("a configuration");
    tokio::spawn(local::service::run_relay(state.relay.clone(), state.verify.clone()));
    let router = local::service::router(state);
    process::serve(router, String::new).await;
}

/// Where the service is now: it has another port after each start.
type Place = Arc<std::sync::Mutex<Remote>>;

fn place(remote: &Place) -> Remote {
    *remote.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Apps that take steps until they are told to end.
struct Crowd {
    seen: Arc<Seen>,
    remote: Place,
    ends: Arc<AtomicBool>,
    steps: Arc<AtomicUsize>,
    apps: Vec<JoinHandle<App>>,
}

impl Crowd {
    fn start(remote: Remote, count: usize, pause: Duration) -> Self {
        Self::start_at(remote, 0, count, pause)
    }

    /// The same, with phones from this number on.
    fn start_at(remote: Remote, first: usize, count: usize, pause: Duration) -> Self {
        let (seen, remote) = (Arc::new(Seen::default()), Arc::new(std::sync::Mutex::new(remote)));
        let (ends, steps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let apps = (first..first + count).map(|number| {
            let mut app = App::new(number, seen.clone());
            let (remote, ends, steps) = (remote.clone(), ends.clone(), steps.clone());
            tokio::spawn(async move {
                while !ends.load(Ordering::Relaxed) {
                    app.step(&place(&remote)).await;
                    steps.fetch_add(1, Ordering::Relaxed);
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
                app
            })
        });
        let apps = apps.collect();
        Self { seen, remote, ends, steps, apps }
    }

    /// Ends the apps; each checks that it is still signed in.
    async fn end(self, stores: &Stores) -> Report {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.seen.take_failures();
        for app in self.apps {
            app.await.expect("an app does not panic").check(&place(&self.remote)).await;
        }
        let mut report = Report::default();
        report.violations.extend(self.seen.take_failures());
        report.violations.extend(self.seen.violations());
        let keys = self.seen.keys();
        report.violations.extend(invariants::violations(stores, &keys).await);
        let steps = self.steps.load(Ordering::Relaxed);
        report.figures.push(format!("{steps} steps, {} one-time keys received", keys.len()));
        report
    }
}

/// Kills the service that often, at random moments of its work.
pub async fn kills(program: &Path, stores: &Stores, times: usize) -> Report {
    let log = std::env::temp_dir().join(format!("soak-{}.log", std::process::id()));
    let mut variables = process::variables(&stores.database_url, &stores.redis_url, &QUIET);
    variables.insert(LOG.to_owned(), log.to_string_lossy().into_owned());
    let mut process = Process::start(program, &variables);
    let crowd = Crowd::start(Remote::local(process.port), KILL_APPS, Duration::ZERO);
    for _ in 0..times {
        let life = Duration::from_millis(u64::from(Rng.next_u32() % LONGEST_LIFE));
        tokio::time::sleep(life).await;
        drop(process);
        process = Process::start(program, &variables);
        *crowd.remote.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Remote::local(process.port);
    }
    // Requests that were under way when the last one was killed are over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let outlived = crowd.seen.take_failures().iter().filter(|one| *one == OUTLIVED).count();
    let mut report = crowd.end(stores).await;
    let logged = std::fs::read_to_string(&log).unwrap_or_default();
    // It may be gone already; a temporary file is no harm.
    let _ = std::fs::remove_file(&log);
    let untold = logged.lines().filter(|line| line.contains(TOMBSTONE_FAILED)).count();
    if outlived > untold {
        report.violations.push(format!("{outlived} sessions outlived their logout"));
    }
    report.figures.push(format!("{untold} tombstones failed"));
    report.figures.insert(0, format!("{times} kills"));
    report
}

/// What happens to a store's connections.
#[derive(Clone, Copy, Debug)]
enum Outage {
    Reset,
    HalfOpen,
    Silence,
    Slow,
}

/// Mixed traffic at about 70 % of capacity, with outages of either store in between.
pub async fn traffic(program: &Path, stores: &Stores, length: Duration) -> Report {
    let (postgres, database_url) = Proxy::before(&stores.database_url).await;
    let (redis, redis_url) = Proxy::before(&stores.redis_url).await;
    let process = Process::start(program, &process::variables(&database_url, &redis_url, &QUIET));

    // As fast as it goes for a while, then slower by pauses.
    let warm = Crowd::start(Remote::local(process.port), TRAFFIC_APPS, Duration::ZERO);
    let (measured, began) = (Duration::from_secs(10), Instant::now());
    tokio::time::sleep(measured).await;
    let steps = warm.steps.load(Ordering::Relaxed);
    let most = f64::from(u32::try_from(steps).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64();
    let apps = f64::from(u32::try_from(TRAFFIC_APPS).unwrap_or(u32::MAX));
    let step = apps / most;
    let pause = Duration::from_secs_f64((step / 0.7 - step).max(0.0));
    warm.ends.store(true, Ordering::Relaxed);
    for app in warm.apps {
        let _ = app.await;
    }
    let mut report = Report::default();
    report.violations.extend(warm.seen.violations());

    let crowd = Crowd::start_at(Remote::local(process.port), TRAFFIC_APPS, TRAFFIC_APPS, pause);
    let (began, quiet) = (Instant::now(), process.kilobytes("VmRSS"));
    let mut rounds = 0_u32;
    while began.elapsed() < length {
        tokio::time::sleep(Duration::from_secs(10)).await;
        report.violations.extend(
            crowd.seen.take_failures().into_iter().map(|f| format!("outside an outage: {f}")),
        );
        let open = (postgres.open(), redis.open());
        if open.0 > 8 || open.1 > 2 {
            report.violations.push(format!("connections: {open:?}"));
        }
        let (store, name) =
            if rounds.is_multiple_of(2) { (&postgres, "Postgres") } else { (&redis, "Redis") };
        let outages = [Outage::Reset, Outage::HalfOpen, Outage::Silence, Outage::Slow];
        let outage = outages[usize::try_from(rounds / 2).unwrap_or_default() % outages.len()];
        match outage {
            Outage::Reset => store.reset(),
            Outage::HalfOpen => store.half_open(),
            Outage::Silence => store.silence(),
            Outage::Slow => {
                store.delay(Duration::from_secs(3));
                tokio::time::sleep(Duration::from_secs(3)).await;
                store.delay(Duration::ZERO);
            }
        }
        tokio::time::sleep(RECOVERY).await;
        let failures = crowd.seen.take_failures();
        report.figures.push(format!("{name} {outage:?}: {} failures", failures.len()));
        rounds += 1;
    }
    let (busy, steps) = (process.kilobytes("VmRSS"), crowd.steps.load(Ordering::Relaxed));
    report.figures.push(format!("{most:.0} steps a second at most, {steps} taken at 70 %"));
    if let (Some(quiet), Some(busy)) = (quiet, busy) {
        report.figures.push(format!("memory: {quiet} kB at the beginning, {busy} kB at the end"));
        if busy > quiet * 3 / 2 {
            report.violations.push(format!("memory grew from {quiet} kB to {busy} kB"));
        }
    }
    let ended = crowd.end(stores).await;
    report.figures.extend(ended.figures);
    report.violations.extend(ended.violations);
    report
}
