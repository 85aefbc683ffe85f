//! The pure breaker and the scripts say the same: random sequences through both, compared after
//! every step.

use domain::ids::{CallId, VerificationId};
use domain::phone::PhoneSlot;
use domain::time::Timestamp;
use domain::verification::{
    Admission, BreakerMarks, CodeInput, CodeLength, CountryPause, Counts, LoggedSend, PausePass,
    Purpose, SentCode, SmsBreaker, SmsRequest,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use shared::cache::CacheError;
use shared::cache::verification::{
    CodeAttempt, ConfirmOutcome, NewVerification, RateLimitTier, SmsSource, SmsTarget,
};
use shared::clock::Rng;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tests::Service;
use tests::fraud::shown;
use tokio::runtime::Runtime;

const BEGINNING: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const MINUTE: i64 = 60_000;

/// What happens next. Numbers are drawn by proptest, so that a failure shrinks.
#[derive(Clone, Debug)]
enum Step {
    /// Codes that nobody enters.
    Pump(Sends),
    /// Codes that are entered at once.
    Honest(Sends),
    /// Codes that the sender refuses.
    Unsent(Sends),
    /// A code that was sent some time ago is entered now.
    ConfirmLate(prop::sample::Index),
    Wait(Duration),
}

/// Some codes from some networks to some blocks.
#[derive(Clone, Debug)]
struct Sends {
    count: u32,
    prefixes: u32,
    blocks: u32,
    lot: u32,
    draw: u32,
    pass: PausePass,
}

fn sends() -> impl Strategy<Value = Sends> {
    let spread = || prop_oneof![1 => Just(1_u32), 1 => Just(3), 1 => Just(12), 4 => Just(500)];
    let passes = [PausePass::None, PausePass::Captcha, PausePass::KnownDevice];
    let pass = prop_oneof![4 => Just(passes[0]), 1 => Just(passes[1]), 1 => Just(passes[2])];
    let ticket = || prop_oneof![3 => 0_u32..8, 1 => any::<u32>()];
    (1_u32..40, spread(), spread(), ticket(), ticket(), pass).prop_map(
        |(count, prefixes, blocks, lot, draw, pass)| Sends {
            count,
            prefixes,
            blocks,
            lot,
            draw,
            pass,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let minutes = |range: std::ops::Range<u64>| range.prop_map(Duration::from_mins);
    let wait = prop_oneof![
        3 => (0_u64..90).prop_map(Duration::from_secs),
        4 => minutes(2..4),
        2 => minutes(9..12),
        4 => minutes(28..35),
        1 => minutes(55..70),
        1 => (1_u64..40).prop_map(|days| Duration::from_hours(24 * days)),
    ];
    let step = prop_oneof![
        5 => sends().prop_map(Step::Pump),
        3 => sends().prop_map(Step::Honest),
        1 => sends().prop_map(Step::Unsent),
        1 => any::<prop::sample::Index>().prop_map(Step::ConfirmLate),
        6 => wait.prop_map(Step::Wait),
    ];
    // Half of them begin with what pauses a country.
    (any::<bool>(), prop::collection::vec(step, 1..40)).prop_map(|(is_paused, steps)| {
        let first = if is_paused { pausing() } else { Vec::new() };
        first.into_iter().chain(steps).collect()
    })
}

/// Codes from many networks to many blocks that nobody enters.
fn pump(count: u32, pass: PausePass) -> Step {
    Step::Pump(Sends { count, prefixes: 500, blocks: 500, lot: 0, draw: 0, pass })
}

/// What pauses a country.
fn pausing() -> Vec<Step> {
    let none = PausePass::None;
    let wait = Step::Wait(Duration::from_mins(3));
    vec![pump(39, none), pump(39, none), wait, pump(1, none)]
}

/// A pause, those who pass it, the probes after it, and the next one.
fn scenario() -> Vec<Step> {
    let mut steps = pausing();
    steps.extend([pump(3, PausePass::Captcha), pump(3, PausePass::KnownDevice)]);
    for minutes in [31, 3] {
        steps.push(Step::Wait(Duration::from_mins(minutes)));
        steps.push(pump(20, PausePass::None));
    }
    steps
}

/// A code that was sent, for both.
struct Sent {
    id: VerificationId,
    send: SentCode,
    until: Timestamp,
}

/// One country in Redis, and the pure one.
struct Country {
    service: Service,
    name: String,
    now: Timestamp,
    pure: SmsBreaker,
    sent: Vec<Sent>,
    numbers: u32,
    /// How often each outcome came, over all runs.
    seen: HashMap<&'static str, u32>,
}

impl Country {
    fn slot() -> PhoneSlot {
        PhoneSlot::of_digest([3, 3])
    }

    fn target(&self, sends: &Sends, block: String) -> SmsTarget {
        let tier = match sends.pass {
            PausePass::KnownDevice => RateLimitTier::KnownDevice,
            PausePass::None | PausePass::Captcha => RateLimitTier::Default,
        };
        SmsTarget { tier, country: self.name.clone(), block }
    }

    /// Asks both for one code. Gives it if it was sent.
    async fn send(&mut self, sends: &Sends, n: u32) -> Option<(Sent, SmsTarget, SmsSource)> {
        self.numbers += 1;
        let (prefix, block) = (n * 7 % sends.prefixes, n * 11 % sends.blocks);
        let (prefix, block) = (format!("prefix-{prefix}"), format!("block-{block}"));
        let lot = sends.lot.wrapping_add(n % 16) % BreakerMarks::TICKETS;
        let target = self.target(sends, block.clone());
        let has_solved_captcha = sends.pass == PausePass::Captcha;
        let source =
            SmsSource { prefix: prefix.clone(), lot, draw: sends.draw, has_solved_captcha };
        let id = VerificationId::new(Self::slot(), Rng.bytes());
        let new = NewVerification {
            purpose: Purpose::Login,
            slot: Self::slot(),
            phone_key: format!("{}{}", self.name, self.numbers),
            target: target.clone(),
            source: source.clone(),
            pepper: String::new(),
            sealed_phone: "sealed".to_owned(),
            device: String::new(),
            code_macs: ["right".to_owned(), "right".to_owned()],
            code_input: CodeInput::Any,
            known: false,
            requires_second_factor: false,
        };
        let limits = &self.service.state.core.config.limits;
        let cache = &self.service.state.core.cache;
        let outcome = cache.start_verification(&id, &new, self.now, limits).await;

        let (pass, draw) = (sends.pass, sends.draw);
        let request = SmsRequest { prefix: &prefix, block: &block, lot, pass, draw };
        let (admission, tripped) = self.pure.admit(self.now, &request);
        *self.seen.entry("tripped").or_default() += u32::from(tripped);
        if let Admission::Paused(expected) = admission {
            *self.seen.entry("paused").or_default() += 1;
            match outcome {
                Err(CacheError::SmsPaused { wait }) => assert_eq!(wait, expected, "{request:?}"),
                other => panic!("{request:?} is paused for {expected:?}: {other:?}"),
            }
            return None;
        }
        let outcome = outcome.unwrap_or_else(|error| panic!("{request:?}: {error:?}"));
        assert_eq!(outcome.progress.map(|progress| progress.code_length), Ok(CodeLength::Six));
        let name = match admission {
            Admission::Open => "open",
            Admission::Probe => "probe",
            Admission::Passed | Admission::Paused(_) => "passed",
        };
        *self.seen.entry(name).or_default() += 1;
        let sent = self.pure.record_sent(self.now, &request, admission);
        let until = self.now + Duration::from_mins(10);
        Some((Sent { id, send: sent, until }, target, source))
    }

    async fn confirm(&mut self, sent: &Sent) {
        let (call, purpose) = (CallId::new(Rng.bytes()), Purpose::Login);
        let code_length = CodeLength::Six;
        let shown = [shown("right")];
        let attempt = CodeAttempt { call, purpose, shown: &shown, code_length };
        let cache = &self.service.state.core.cache;
        let outcome = cache.confirm_verification(&sent.id, &attempt, self.now).await.unwrap();
        assert!(matches!(outcome, ConfirmOutcome::Confirmed { .. }), "{outcome:?}");
        self.pure.record_confirmed(self.now, sent.send);
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Pump(sends) => {
                for n in 0..sends.count {
                    let sent = self.send(sends, n).await;
                    self.sent.extend(sent.map(|(sent, ..)| sent));
                }
            }
            Step::Honest(sends) => {
                for n in 0..sends.count {
                    if let Some((sent, ..)) = self.send(sends, n).await {
                        self.confirm(&sent).await;
                    }
                }
            }
            Step::Unsent(sends) => {
                for n in 0..sends.count {
                    let Some((sent, target, source)) = self.send(sends, n).await else { continue };
                    let limits = &self.service.state.core.config.limits;
                    let cache = &self.service.state.core.cache;
                    let from = (&target, &source);
                    let withdrawn =
                        cache.withdraw_code(&sent.id, "right", from, self.now, limits).await;
                    withdrawn.unwrap();
                    self.pure.record_unsent(sent.send);
                }
            }
            Step::ConfirmLate(index) if !self.sent.is_empty() => {
                let sent = self.sent.swap_remove(index.index(self.sent.len()));
                if sent.until > self.now {
                    self.confirm(&sent).await;
                }
            }
            Step::ConfirmLate(_) => {}
            Step::Wait(wait) => self.now = self.now + *wait,
        }
        assert_eq!(self.stored().await, as_of(self.now, self.pure.clone()), "after {step:?}");
    }

    async fn hash(&self, name: &str) -> HashMap<String, String> {
        let mut redis = self.service.redis().await;
        let key = format!("rate_limit:{name}:{{{}}}", self.name);
        redis::cmd("HGETALL").arg(key).query_async(&mut redis).await.unwrap()
    }

    async fn stored(&self) -> SmsBreaker {
        let state = self.hash("breaker").await;
        let number = |name: &str| state.get(name).map_or(0, |text| text.parse::<i64>().unwrap());
        let small = |name: &str| u32::try_from(number(name)).unwrap();
        let mut minutes: BTreeMap<i64, Counts> = BTreeMap::new();
        for (field, count) in &state {
            let Some((kind @ ("s" | "c"), minute)) = field.split_once(':') else { continue };
            let counts = minutes.entry(minute.parse().unwrap()).or_default();
            let count = count.parse().expect("a count is never negative");
            *(if kind == "s" { &mut counts.sent } else { &mut counts.confirmed }) = count;
        }
        let pause = state.contains_key("until").then(|| CountryPause {
            until: number("until"),
            began: number("began"),
            round: small("round"),
            seed: small("seed"),
            probes: state["probes"].split_whitespace().map(str::to_owned).collect(),
            confirmed: small("confirmed"),
            last_probe: number("last_probe"),
        });
        let sends = self.hash("breaker_sends").await;
        let send = |text: &String| {
            let [minute, prefix, block, confirmed] =
                text.split(' ').collect::<Vec<_>>().try_into().unwrap();
            LoggedSend {
                minute: minute.parse().unwrap(),
                prefix: prefix.to_owned(),
                block: block.to_owned(),
                confirmed: confirmed == "1",
            }
        };
        let pauses = self.hash("breaker_pauses").await;
        let paused = |mark: &str| {
            let of = |(field, until): (&String, &String)| {
                Some((field.strip_prefix(mark)?.to_owned(), until.parse().unwrap()))
            };
            pauses.iter().filter_map(of).collect()
        };
        let mut redis = self.service.redis().await;
        let key = format!("rate_limit:breaker_trusted:{{{}}}", self.name);
        let trusted: Vec<(String, f64)> = redis::cmd("ZRANGE")
            .arg(key)
            .arg(&["0", "-1", "WITHSCORES"])
            .query_async(&mut redis)
            .await
            .unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds are whole numbers")]
        let trusted = trusted.into_iter().map(|(prefix, at)| (prefix, at as i64)).collect();
        let stored = SmsBreaker {
            minutes,
            sends: sends.iter().map(|(n, text)| (n.parse().unwrap(), send(text))).collect(),
            sent: u64::try_from(number("sent")).unwrap(),
            pause,
            rounds: small("round"),
            paused_prefixes: paused("p:"),
            paused_blocks: paused("b:"),
            trusted,
        };
        as_of(self.now, stored)
    }
}

/// Without what is over: both remove it when they next need to.
fn as_of(now: Timestamp, mut breaker: SmsBreaker) -> SmsBreaker {
    let now = now.millis();
    let is_old = |minute: i64| {
        Duration::from_millis(u64::try_from(now - minute * MINUTE).unwrap_or(0))
            > BreakerMarks::WINDOW
    };
    breaker.minutes.retain(|minute, counts| !is_old(*minute) && *counts != Counts::default());
    breaker.sends.retain(|_, send| !is_old(send.minute));
    breaker.paused_prefixes.retain(|_, until| *until > now);
    breaker.paused_blocks.retain(|_, until| *until > now);
    breaker
}

#[test]
fn the_scripts_are_the_pure_breaker() {
    let runtime = Runtime::new().unwrap();
    let variables = [("SMS_BUDGET_GLOBAL", "1000000"), ("SMS_BUDGET_PER_COUNTRY", "1000000")];
    let service = runtime.block_on(Service::with(&variables));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(40));
    // Of all cases: a clock does not go back.
    let clock = std::cell::Cell::new(BEGINNING);
    let seen = std::cell::RefCell::new(HashMap::<&str, u32>::new());
    let run = |steps: &[Step]| {
        let name = uuid::Builder::from_random_bytes(Rng.bytes()).into_uuid().to_string();
        let mut country = Country {
            service: service.clone(),
            name,
            now: clock.get(),
            pure: SmsBreaker::default(),
            sent: Vec::new(),
            numbers: 0,
            seen: HashMap::new(),
        };
        runtime.block_on(async {
            for step in steps {
                country.step(step).await;
            }
            clock.set(country.now);
        });
        for (outcome, times) in country.seen {
            *seen.borrow_mut().entry(outcome).or_default() += times;
        }
    };
    run(&scenario());
    let random = runner.run(&steps(), |steps| {
        run(&steps);
        Ok(())
    });
    random.unwrap();
    let seen = seen.into_inner();
    for outcome in ["open", "paused", "passed", "probe", "tripped"] {
        assert!(seen.get(outcome).is_some_and(|times| *times > 0), "no {outcome} in {seen:?}");
    }
}
