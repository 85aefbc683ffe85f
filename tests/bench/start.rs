//! Cold starts: a new process for each, from the start of `main` to the first answer,
//! step by step as `shared::lambda::run` takes them; beside it a router that says hello.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use domain::phone::PhoneNumber;
use http::Request;
use secrecy::SecretString;
use shared::clock::Clock;
use shared::config::{EnvReader, Environment};
use shared::core::Core;
use shared::secrets::SecretName;
use shared::tokens::PublicKeys;
use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};
use tower::ServiceExt as _;

use crate::figures::{median, micros, process_cpu};

/// The router that does nothing, and the functions.
pub const FUNCTIONS: [&str; 8] =
    ["hello", "verify", "login", "tokens", "devices", "two-factor", "prekeys", "platform"];

/// All steps up to the first answer.
pub const READY: &str = "ready";
/// The same with what a process does before `main`.
pub const PROCESS: &str = "process";
/// Not a part of the start: the first request that needs it pays.
pub const PHONE: &str = "later: the first phone number";
/// A part of the configuration, done once more.
pub const KEYS: &str = "again: the keys alone";

/// A step of a start and its medians, in microseconds.
#[derive(Clone, Debug)]
pub struct Step {
    pub name: String,
    pub cpu: f64,
    pub wall: f64,
}

/// Starts each function that many times, taking turns.
pub fn measure(
    variables: &HashMap<String, String>,
    starts: usize,
) -> HashMap<&'static str, Vec<Step>> {
    let program = std::env::current_exe().expect("a program has a name");
    let mut runs: HashMap<&'static str, Vec<Vec<Step>>> = HashMap::new();
    for _ in 0..starts {
        for function in FUNCTIONS {
            let mut command = Command::new(&program);
            let output = command.args(["start", function]).envs(variables).output();
            let output = output.expect("the bench starts itself");
            let text = String::from_utf8_lossy(&output.stdout);
            let steps = text.lines().map(|line| {
                let mut words = line.splitn(3, ' ');
                let mut figure = || words.next().and_then(|w| w.parse().ok()).expect("a figure");
                let (cpu, wall) = (figure(), figure());
                Step { name: words.next().expect("a name").to_owned(), cpu, wall }
            });
            runs.entry(function).or_default().push(steps.collect());
        }
    }
    runs.into_iter().map(|(function, runs)| (function, medians(&runs))).collect()
}

fn medians(runs: &[Vec<Step>]) -> Vec<Step> {
    let Some(first) = runs.first() else { return Vec::new() };
    let of = |n: usize, figure: fn(&Step) -> f64| {
        median(runs.iter().filter_map(|steps| steps.get(n)).map(figure))
    };
    let steps = first.iter().enumerate();
    steps
        .map(|(n, step)| Step {
            name: step.name.clone(),
            cpu: of(n, |step| step.cpu),
            wall: of(n, |step| step.wall),
        })
        .collect()
}

/// Notes what each step took, and tells it when all is over.
struct Watch {
    begun: (Duration, Instant),
    step: (Duration, Instant),
    steps: Vec<(Duration, Duration, &'static str)>,
}

impl Watch {
    fn start() -> Self {
        let now = (process_cpu(), Instant::now());
        Self { begun: now, step: now, steps: Vec::with_capacity(16) }
    }

    /// Notes a step that has ended.
    fn step(&mut self, name: &'static str) {
        self.steps.push((process_cpu().saturating_sub(self.step.0), self.step.1.elapsed(), name));
        self.step = (process_cpu(), Instant::now());
    }

    /// Notes everything so far: of this program, and with what came before it.
    fn ready(&mut self) {
        self.steps.push((
            process_cpu().saturating_sub(self.begun.0),
            self.begun.1.elapsed(),
            READY,
        ));
        self.steps.push((process_cpu(), Duration::ZERO, PROCESS));
        self.step = (process_cpu(), Instant::now());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (cpu, wall, name) in &self.steps {
            println!("{} {} {name}", micros(*cpu, 1), micros(*wall, 1));
        }
    }
}

/// The child: starts one function.
pub async fn start(function: &str) {
    let mut watch = Watch::start();
    if function == "hello" {
        ask(Router::new().route("/bench/alive", get(alive))).await;
        watch.ready();
        return;
    }
    shared::telemetry::init(std::io::sink);
    watch.step("logging");
    let watch_state = &mut watch;
    let service = match function {
        "verify" => {
            let routes = verify::router();
            read(watch_state, verify::SECRETS, verify::VerifyState::read, routes).await
        }
        "login" => {
            let routes = login::router();
            read(watch_state, login::SECRETS, login::LoginState::read, routes).await
        }
        "tokens" => {
            let routes = tokens::router();
            read(watch_state, tokens::SECRETS, tokens::TokensState::read, routes).await
        }
        "devices" => {
            let routes = devices::router();
            read(watch_state, devices::SECRETS, devices::DevicesState::read, routes).await
        }
        "two-factor" => {
            let routes = two_factor::router();
            read(watch_state, two_factor::SECRETS, two_factor::TwoFactorState::read, routes).await
        }
        "prekeys" => {
            let routes = prekeys::router();
            read(watch_state, prekeys::SECRETS, prekeys::PrekeysState::read, routes).await
        }
        _ => {
            let routes = platform::router();
            read(watch_state, platform::SECRETS, platform::PlatformState::read, routes).await
        }
    };
    watch.step("layers");
    ask(service).await;
    watch.step("first answer");
    watch.ready();

    // What the first requests find cold, and a part of a step above.
    let _ = std::hint::black_box(PhoneNumber::parse("+33612345678"));
    watch.step(PHONE);
    let keys = SecretString::from(std::env::var("JWT_PUBLIC_KEYS").unwrap_or_default());
    let _ = std::hint::black_box(PublicKeys::parse(&keys));
    watch.step(KEYS);
}

/// A function's service, made as `shared::lambda::run` makes it.
async fn read<S: Clone + Send + Sync + 'static>(
    watch: &mut Watch,
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    routes: Router<S>,
) -> Router {
    watch.step("routes");
    let environment = Environment::load(None, secrets).await.expect("secrets");
    let mut env = environment.reader();
    let core = Core::read(&mut env, Clock::System).expect("a core");
    watch.step("core");
    let state = read(&core, &mut env);
    let state = env.finish(state).expect("a state");
    watch.step("state, with keys");
    let routes = routes.route("/bench/alive", get(alive)).with_state(state);
    shared::http::serve(routes, core)
}

/// An answer that needs nothing.
pub async fn alive() -> &'static str {
    "alive"
}

async fn ask(router: Router) {
    let request = Request::get("/bench/alive").body(Body::empty()).expect("a request");
    let answer = router.oneshot(request).await.expect("routers are infallible");
    assert!(answer.status().is_success(), "{}", answer.status());
}
