//! A simulation of fraud against the scripts that send codes, with a moving clock: a week of
//! history, hours of attack with honest traffic in between, and the time after it.
//!
//! The attackers: a flood from 10,000 addresses to premium ranges and to random numbers;
//! pumping below the marks of the breaker in many countries; pumping with a fifth confirmed;
//! tokens of known devices; and one who wants a country to be silent. The address limit is left
//! out: it would only help.

use domain::ids::{CallId, VerificationId};
use domain::phone::PhoneSlot;
use domain::time::Timestamp;
use domain::verification::{CodeInput, CodeLength, Purpose};
use shared::cache::CacheError;
use shared::cache::verification::{
    CodeAttempt, NewVerification, RateLimitTier, ShownDigests, SmsSource, SmsTarget,
};
use shared::clock::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::service::Service;

const COUNTRIES: usize = 200;
const BEGINNING: i64 = 1_800_000_000_000;
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// Addresses of the flood, four in each network.
const ADDRESSES: u64 = 10_000;
const ATTACK_HOURS: u32 = 6;
/// After the attack.
const RECOVERY_HOURS: u32 = 3;

/// Who asks for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Honest,
    Flood,
    SlowPump,
    ConfirmingPump,
    KnownDevice,
    Silencer,
}

/// Codes asked for and sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub asked: u64,
    pub sent: u64,
}

/// What the simulation found.
#[derive(Debug, Default)]
pub struct Findings {
    pub by_kind: BTreeMap<Kind, Tally>,
    /// Honest codes during the attack, in countries that are not attacked and in those that are.
    pub honest_elsewhere: Tally,
    pub honest_attacked: Tally,
    /// Honest codes later than an hour after the attack, in countries that were attacked.
    pub honest_recovered: Tally,
    /// The most that was sent within an hour, to all and to one country.
    pub max_hour: u64,
    pub max_country_hour: u64,
    /// Hours of a country in which not one of three or more honest requests was served.
    pub silent_hours: usize,
    /// The least that attackers had sent in such an hour, to all countries: the country is silent
    /// only if what all countries have in common is used up.
    pub cheapest_silence: Option<u64>,
    /// The largest key of breaker and budgets, in fields.
    pub largest_key: u64,
}

/// Uniform numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

/// One request.
struct Request {
    kind: Kind,
    country: usize,
    prefix: String,
    block: String,
    number: String,
    is_confirmed: bool,
}

/// Sends of the last hour.
#[derive(Default)]
struct SlidingHour(VecDeque<i64>);

impl SlidingHour {
    fn add(&mut self, now: i64) -> u64 {
        while self.0.front().is_some_and(|at| at + 3_600_000 <= now) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() as u64
    }
}

/// An hour of one country.
#[derive(Clone, Copy, Default)]
struct CountryHour {
    honest: Tally,
    attack: Tally,
}

struct World {
    service: Service,
    dice: Dice,
    now: Timestamp,
    findings: Findings,
    all: SlidingHour,
    countries: Vec<SlidingHour>,
    /// Codes that will be entered, and when.
    entries: VecDeque<(Timestamp, VerificationId)>,
    hours: BTreeMap<(usize, i64), CountryHour>,
    numbers: u64,
}

/// Honest requests an hour: ten large countries, forty medium ones, and many small ones.
fn honest_rate(country: usize) -> u64 {
    match country {
        0..10 => 30,
        10..50 => 8,
        _ => 1,
    }
}

/// Which countries each attacker goes for.
const FLOODED: [usize; 5] = [0, 5, 20, 60, 61];
const SLOWLY_PUMPED: std::ops::Range<usize> = 100..140;
const CONFIRMED_PUMPED: std::ops::Range<usize> = 30..33;
const KNOWN_DEVICES: usize = 45;
const SILENCED: [usize; 2] = [1, 12];

fn is_attacked(country: usize) -> bool {
    FLOODED.contains(&country)
        || SLOWLY_PUMPED.contains(&country)
        || CONFIRMED_PUMPED.contains(&country)
        || SILENCED.contains(&country)
        || country == KNOWN_DEVICES
}

impl World {
    fn number(&mut self) -> String {
        self.numbers += 1;
        format!("n{}", self.numbers)
    }

    fn honest(&mut self) -> Option<Request> {
        let total: u64 = (0..COUNTRIES).map(honest_rate).sum();
        let mut pick = self.dice.roll(total);
        let country = (0..COUNTRIES).find(|country| {
            let rate = honest_rate(*country);
            let found = pick < rate;
            pick = pick.saturating_sub(rate);
            found
        })?;
        // People share the networks of few carriers, and blocks of numbers as well.
        let (prefix, block) = (self.dice.roll(20), self.dice.roll(200));
        Some(Request {
            kind: Kind::Honest,
            country,
            prefix: format!("home-{country}-{prefix}"),
            block: format!("block-{country}-{block}"),
            number: self.number(),
            is_confirmed: self.dice.roll(100) < 85,
        })
    }

    fn attack(&mut self, kind: Kind) -> Request {
        let (mut number, mut prefix) = (self.number(), format!("bot-{}", self.dice.roll(2500)));
        let roll = |dice: &mut Dice, of: std::ops::Range<usize>| {
            of.start + usize::try_from(dice.roll(of.len() as u64)).unwrap_or(0)
        };
        let mut is_confirmed = false;
        let mut block = format!("any-{}", self.dice.roll(20_000));
        let country = match kind {
            Kind::Flood | Kind::Honest => {
                prefix = format!("bot-{}", self.dice.roll(ADDRESSES) / 4);
                if self.dice.roll(2) == 0 {
                    block = format!("premium-{}", self.dice.roll(3));
                }
                FLOODED[roll(&mut self.dice, 0..FLOODED.len())]
            }
            Kind::SlowPump => roll(&mut self.dice, SLOWLY_PUMPED),
            Kind::ConfirmingPump => {
                is_confirmed = self.dice.roll(100) < 22;
                roll(&mut self.dice, CONFIRMED_PUMPED)
            }
            Kind::KnownDevice => {
                number = format!("owned-{}", self.dice.roll(250));
                KNOWN_DEVICES
            }
            Kind::Silencer => SILENCED[roll(&mut self.dice, 0..SILENCED.len())],
        };
        Request { kind, country, prefix, block, number, is_confirmed }
    }

    async fn ask(&mut self, request: Request) {
        let digest = u16::try_from(self.dice.roll(1 << 16)).unwrap_or(0).to_be_bytes();
        let slot = PhoneSlot::of_digest(digest);
        let id = VerificationId::new(slot, Rng.bytes());
        let is_known = request.kind == Kind::KnownDevice;
        let tier = if is_known { RateLimitTier::KnownDevice } else { RateLimitTier::Default };
        let country = format!("C{:03}", request.country);
        let lot = request
            .prefix
            .bytes()
            .fold(7_u32, |lot, byte| lot.wrapping_mul(16_777_619) ^ u32::from(byte));
        let new = NewVerification {
            purpose: Purpose::Login,
            slot,
            phone_key: request.number,
            pepper: String::new(),
            target: SmsTarget { tier, country, block: request.block },
            source: SmsSource {
                prefix: request.prefix,
                lot,
                draw: u32::try_from(self.dice.roll(1 << 32)).unwrap_or(0),
                has_solved_captcha: false,
            },
            sealed_phone: "sealed".to_owned(),
            device: String::new(),
            code_macs: ["right".to_owned(), "right".to_owned()],
            code_input: CodeInput::Any,
            known: is_known,
            requires_second_factor: false,
        };
        let (cache, limits) =
            (&self.service.state.core.cache, &self.service.state.core.config.limits);
        let is_sent = match cache.start_verification(&id, &new, self.now, limits).await {
            Ok(outcome) => {
                // Codes of ten digits are as good for this.
                assert!(outcome.progress.is_ok(), "no code of any length");
                true
            }
            Err(CacheError::SmsPaused { .. } | CacheError::Limited { .. }) => false,
            Err(error) => panic!("{error}"),
        };
        let tally = Tally { asked: 1, sent: u64::from(is_sent) };
        let hour = self.now.millis() / 3_600_000;
        let of_hour = self.hours.entry((request.country, hour)).or_default();
        let side =
            if request.kind == Kind::Honest { &mut of_hour.honest } else { &mut of_hour.attack };
        side.add(tally);
        self.findings.by_kind.entry(request.kind).or_default().add(tally);
        if is_sent {
            let now = self.now.millis();
            self.findings.max_hour = self.findings.max_hour.max(self.all.add(now));
            let country = self.countries[request.country].add(now);
            self.findings.max_country_hour = self.findings.max_country_hour.max(country);
            if request.is_confirmed {
                self.entries.push_back((self.now + MINUTE / 2, id));
            }
        }
    }

    /// Enters the codes whose time has come.
    async fn enter(&mut self) {
        while let Some((at, id)) = self.entries.front().copied() {
            if at > self.now {
                return;
            }
            self.entries.pop_front();
            let (call, purpose) = (CallId::new(Rng.bytes()), Purpose::Login);
            let cache = &self.service.state.core.cache;
            for code_length in CodeLength::ALL {
                let shown = [shown("right")];
                let attempt = CodeAttempt { call, purpose, shown: &shown, code_length };
                cache.confirm_verification(&id, &attempt, self.now).await.expect("an answer");
            }
        }
    }

    /// Lets hours pass in which these ask, each so many times an hour.
    async fn run(&mut self, hours: u32, rates: &[(Kind, u64)]) {
        let total: u64 = rates.iter().map(|(_, rate)| rate).sum();
        let step = HOUR / u32::try_from(total).unwrap_or(u32::MAX);
        let end = self.now + HOUR * hours;
        let mut microseconds = 0_u64;
        let start = self.now;
        while self.now < end {
            let mut pick = self.dice.roll(total);
            let kind = rates.iter().find(|(_, rate)| {
                let found = pick < *rate;
                pick = pick.saturating_sub(*rate);
                found
            });
            let request = match kind.map_or(Kind::Honest, |(kind, _)| *kind) {
                Kind::Honest => self.honest(),
                kind => Some(self.attack(kind)),
            };
            if let Some(request) = request {
                self.ask(request).await;
            }
            self.enter().await;
            microseconds += u64::try_from(step.as_micros()).unwrap_or(0);
            self.now = start + Duration::from_millis(microseconds / 1000);
        }
    }

    /// Sums what was asked in some hours and countries.
    fn honest_in(&self, hours: std::ops::Range<i64>, is_counted: impl Fn(usize) -> bool) -> Tally {
        let mut sum = Tally::default();
        for ((country, hour), of_hour) in &self.hours {
            if hours.contains(hour) && is_counted(*country) {
                sum.add(of_hour.honest);
            }
        }
        sum
    }

    async fn largest_key(&self) -> u64 {
        let mut redis = self.service.redis().await;
        let mut largest = 0;
        for pattern in ["rate_limit:breaker*", "rate_limit:sms_*"] {
            let keys: Vec<String> =
                redis::cmd("KEYS").arg(pattern).query_async(&mut redis).await.expect("keys");
            for key in keys {
                let of_sets = key.starts_with("rate_limit:breaker_trusted");
                let length = if of_sets { "ZCARD" } else { "HLEN" };
                let length: u64 =
                    redis::cmd(length).arg(key).query_async(&mut redis).await.expect("a length");
                largest = largest.max(length);
            }
        }
        largest
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.sent += other.sent;
    }

    /// Refused of those that were asked for, in percent.
    #[must_use]
    pub fn lost_percent(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        let (lost, asked) = ((self.asked - self.sent) as f64, self.asked.max(1) as f64);
        100.0 * lost / asked
    }
}

/// Runs the simulation with about so many requests of attackers.
///
/// # Panics
/// If Redis fails.
pub async fn simulate(service: Service, attack_requests: u64) -> Findings {
    let honest: u64 = (0..COUNTRIES).map(honest_rate).sum();
    let mut world = World {
        service,
        dice: Dice(42),
        now: Timestamp::from_millis(BEGINNING),
        findings: Findings::default(),
        all: SlidingHour::default(),
        countries: (0..COUNTRIES).map(|_| SlidingHour::default()).collect(),
        entries: VecDeque::new(),
        hours: BTreeMap::new(),
        numbers: 0,
    };
    // A week ago, in the same hours.
    let honest_hour = [(Kind::Honest, honest)];
    world.run(ATTACK_HOURS + RECOVERY_HOURS + 1, &honest_hour).await;
    world.findings = Findings::default();
    world.hours.clear();
    world.now = Timestamp::from_millis(BEGINNING) + HOUR * (7 * 24);
    world.run(1, &honest_hour).await;

    let begin = world.now.millis() / 3_600_000;
    let per_hour = attack_requests / u64::from(ATTACK_HOURS);
    // A code that is not confirmed every 80 seconds is below the mark of 50 an hour.
    let (slow, confirming, known, silencer) = (40 * 45, 3 * 700, 250 * 4, 2 * 600);
    let flood = per_hour.saturating_sub(slow + confirming + known + silencer).max(2000);
    let rates = [
        (Kind::Honest, honest),
        (Kind::Flood, flood),
        (Kind::SlowPump, slow),
        (Kind::ConfirmingPump, confirming),
        (Kind::KnownDevice, known),
        (Kind::Silencer, silencer),
    ];
    world.run(ATTACK_HOURS, &rates).await;
    world.findings.largest_key = world.largest_key().await;
    let end = begin + i64::from(ATTACK_HOURS);
    world.run(RECOVERY_HOURS, &honest_hour).await;

    world.findings.honest_elsewhere = world.honest_in(begin..end, |country| !is_attacked(country));
    world.findings.honest_attacked = world.honest_in(begin..end, is_attacked);
    let after = end + 1..end + i64::from(RECOVERY_HOURS);
    world.findings.honest_recovered = world.honest_in(after, is_attacked);
    let silent = |hour: &CountryHour| hour.honest.asked >= 3 && hour.honest.sent == 0;
    world.findings.silent_hours = world.hours.values().filter(|hour| silent(hour)).count();
    let silent = world.hours.iter().filter(|(_, of_hour)| silent(of_hour));
    let spent = silent.map(|((_, hour), _)| {
        let same = world.hours.iter().filter(|((_, other), _)| other == hour);
        same.map(|(_, of_hour)| of_hour.attack.sent).sum::<u64>()
    });
    world.findings.cheapest_silence = spent.min();
    world.findings
}

/// A code as a client without a device shows it, to a record that has no pepper.
#[must_use]
pub fn shown(code_mac: &str) -> ShownDigests<1> {
    let codes = [code_mac.to_owned()];
    ShownDigests { pepper: String::new(), device: String::new(), codes }
}
