//! The circuit breaker of SMS, one per country. Fraud sends SMS whose codes nobody enters. If
//! too few codes are confirmed, the breaker pauses the networks that requested them, or else
//! the blocks of numbers that got them, or else the country.
//!
//! `cache/sms_breaker/breaker.lua` keeps an [`SmsBreaker`] for each country in Redis. A test
//! runs the same random sequences through both.

use crate::time::{Timestamp, millis_of};
use std::collections::BTreeMap;
use std::time::Duration;

const MINUTE: i64 = 60 * 1000;

/// When SMS to a country are paused: fewer than a fifth of at least [`Self::MIN_SENDS`]
/// matured codes of the window were confirmed. A code matures once its receiver had time to
/// enter it, so that many new users at once are not taken for fraud.
pub struct BreakerMarks;

impl BreakerMarks {
    /// Sends older than this are forgotten.
    pub const WINDOW: Duration = Duration::from_hours(1);
    pub const MIN_SENDS: u32 = 50;
    /// One of this many sends must be confirmed.
    pub const MIN_CONFIRMED_RATIO: u32 = 5;
    pub const MATURE_AFTER: Duration = Duration::from_mins(2);
    pub const PAUSE: Duration = Duration::from_mins(30);
    /// A network or a block of numbers is paused if it had at least this many matured sends.
    pub const MIN_SOURCE_SENDS: u32 = 5;
    /// Sends that pass after a pause, one per network. Their confirmations end the pause.
    pub const PROBES: u32 = 10;
    /// After this, a round of probes begins anew, whether all were used or not.
    pub const ROUND: Duration = Duration::from_mins(10);
    /// Probes are drawn: each network has a ticket below this, and after a pause the number of
    /// tickets that may pass doubles with every step. So the fastest gain nothing.
    pub const TICKETS: u32 = 4096;
    pub const TICKET_STEP: Duration = Duration::from_secs(15);
    /// For how long a network that confirmed a code passes pauses of the country.
    pub const TRUST_TTL: Duration = Duration::from_hours(30 * 24);
    /// A network is trusted no more if it had at least this many matured sends, with too few
    /// confirmations, when its country was paused.
    pub const MIN_DISTRUST_SENDS: u32 = 2;
    /// Networks whose confirmations are remembered, the newest.
    pub const MAX_TRUSTED: usize = 2000;
    /// Sends whose networks and blocks are remembered.
    pub const MAX_SENDS: u64 = 4000;
}

/// What lets a send pass in a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PausePass {
    None,
    /// A solved captcha.
    Captcha,
    /// A known device: one code per number and hour.
    KnownDevice,
}

impl PausePass {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Captcha => "captcha",
            Self::KnownDevice => "known_device",
        }
    }
}

/// A code that someone wants to have sent.
#[derive(Clone, Copy, Debug)]
pub struct SmsRequest<'a> {
    /// The network that requests it: an IPv4 /24 or an IPv6 /48.
    pub prefix: &'a str,
    /// The block of numbers that gets it.
    pub block: &'a str,
    /// The number of the network in every draw.
    pub lot: u32,
    pub pass: PausePass,
    /// A random number, for a draw that begins with this request.
    pub draw: u32,
}

/// Whether a code may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Open,
    /// As one of the probes after a pause.
    Probe,
    /// In a pause, because of its [`PausePass`].
    Passed,
    Paused(Duration),
}

/// A send, as the record of its verification names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentCode {
    pub number: u64,
    pub minute: i64,
    /// The round of probes that it belongs to, if it is one.
    pub probe_of: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedSend {
    pub minute: i64,
    pub prefix: String,
    pub block: String,
    pub confirmed: bool,
}

/// Codes sent and codes confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub sent: u32,
    pub confirmed: u32,
}

impl Counts {
    const fn is_below_ratio(self) -> bool {
        self.confirmed * BreakerMarks::MIN_CONFIRMED_RATIO < self.sent
    }
}

/// A pause of the country and the probes that follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountryPause {
    pub until: i64,
    /// When the present round of probes began.
    pub began: i64,
    pub round: u32,
    pub seed: u32,
    /// The networks that probed in this round.
    pub probes: Vec<String>,
    pub confirmed: u32,
    pub last_probe: i64,
}

/// The state of one country.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmsBreaker {
    pub minutes: BTreeMap<i64, Counts>,
    pub sends: BTreeMap<u64, LoggedSend>,
    /// How many sends there were.
    pub sent: u64,
    pub pause: Option<CountryPause>,
    /// How many rounds of probes there were.
    pub rounds: u32,
    /// Until when networks and blocks are paused.
    pub paused_prefixes: BTreeMap<String, i64>,
    pub paused_blocks: BTreeMap<String, i64>,
    /// When networks last confirmed a code. They pass pauses of the country, so that a few
    /// unconfirmed codes from elsewhere do not silence it.
    pub trusted: BTreeMap<String, i64>,
}

impl SmsBreaker {
    /// Decides about a send. Also returns whether something was paused: an alarm.
    pub fn admit(&mut self, now: Timestamp, request: &SmsRequest<'_>) -> (Admission, bool) {
        let now = now.millis();
        self.minutes.retain(|minute, _| !is_old(*minute, now));
        let mut tripped = self.is_tripped(now);
        if tripped {
            self.trip(now, request.draw);
        }
        let (gate, began_anew) = self.gate(now, request);
        tripped |= began_anew;
        let until = |paused: &BTreeMap<String, i64>, source: &str| {
            paused.get(source).copied().filter(|until| *until > now)
        };
        let source = until(&self.paused_prefixes, request.prefix)
            .max(until(&self.paused_blocks, request.block));
        let admission = match (gate, source, request.pass) {
            (Gate::Open, None, _) => Admission::Open,
            (Gate::Probe, None, _) => Admission::Probe,
            (_, _, PausePass::Captcha | PausePass::KnownDevice) => Admission::Passed,
            (gate, source, PausePass::None) => {
                let country = if let Gate::Closed(until) = gate { Some(until) } else { None };
                let until = country.max(source).unwrap_or(now);
                Admission::Paused(Duration::from_millis(u64::try_from(until - now).unwrap_or(0)))
            }
        };
        (admission, tripped)
    }

    /// Counts a send that was admitted.
    pub fn record_sent(
        &mut self,
        now: Timestamp,
        request: &SmsRequest<'_>,
        admission: Admission,
    ) -> SentCode {
        let minute = now.millis().div_euclid(MINUTE);
        self.sent += 1;
        self.minutes.entry(minute).or_default().sent += 1;
        let (prefix, block) = (request.prefix.to_owned(), request.block.to_owned());
        self.sends.insert(self.sent, LoggedSend { minute, prefix, block, confirmed: false });
        if let Some(forgotten) = self.sent.checked_sub(BreakerMarks::MAX_SENDS) {
            self.sends.remove(&forgotten);
        }
        let mut sent = SentCode { number: self.sent, minute, probe_of: None };
        if let (Admission::Probe, Some(pause)) = (admission, &mut self.pause) {
            pause.probes.push(request.prefix.to_owned());
            pause.last_probe = now.millis();
            sent.probe_of = Some(pause.round);
        }
        sent
    }

    /// Counts a right code. Of a send that is forgotten it counts nothing.
    pub fn record_confirmed(&mut self, now: Timestamp, sent: SentCode) {
        let Some(send) = self.sends.get_mut(&sent.number).filter(|send| !send.confirmed) else {
            return;
        };
        send.confirmed = true;
        if let Some(counts) = self.minutes.get_mut(&sent.minute) {
            counts.confirmed += 1;
        }
        if let Some(pause) = &mut self.pause
            && sent.probe_of == Some(pause.round)
        {
            pause.confirmed += 1;
        }
        self.trusted.insert(send.prefix.clone(), now.millis());
        if self.trusted.len() > BreakerMarks::MAX_TRUSTED {
            let oldest = self.trusted.iter().min_by_key(|(prefix, at)| (**at, *prefix));
            let oldest = oldest.map(|(prefix, _)| prefix.clone());
            oldest.and_then(|prefix| self.trusted.remove(&prefix));
        }
    }

    /// Takes back a send whose code was never sent.
    pub fn record_unsent(&mut self, sent: SentCode) {
        let Some(send) = self.sends.remove(&sent.number) else { return };
        self.uncount(&send);
        if let Some(pause) = &mut self.pause
            && sent.probe_of == Some(pause.round)
        {
            pause.probes.retain(|prefix| *prefix != send.prefix);
        }
    }

    fn uncount(&mut self, send: &LoggedSend) {
        if let Some(counts) = self.minutes.get_mut(&send.minute) {
            counts.sent -= 1;
            counts.confirmed -= u32::from(send.confirmed);
        }
    }

    fn is_tripped(&self, now: i64) -> bool {
        let mut sum = Counts::default();
        for (_, counts) in self.minutes.iter().filter(|(minute, _)| is_matured(**minute, now)) {
            sum.sent += counts.sent;
            sum.confirmed += counts.confirmed;
        }
        sum.sent >= BreakerMarks::MIN_SENDS && sum.is_below_ratio()
    }

    /// Pauses what causes it: networks, else blocks of numbers, else the country. What is
    /// paused is forgotten, so that it does not count against the rest.
    fn trip(&mut self, now: i64, draw: u32) {
        let until = now + millis_of(BreakerMarks::PAUSE);
        for paused in [&mut self.paused_prefixes, &mut self.paused_blocks] {
            paused.retain(|_, until| *until > now);
        }
        self.sends.retain(|_, send| !is_old(send.minute, now));
        for prefix in self.causes(now, |send| &send.prefix) {
            self.forget(|send| send.prefix == prefix);
            self.trusted.remove(&prefix);
            self.paused_prefixes.insert(prefix, until);
        }
        if self.is_tripped(now) {
            for block in self.causes(now, |send| &send.block) {
                self.forget(|send| send.block == block);
                self.paused_blocks.insert(block, until);
            }
        }
        if self.is_tripped(now) {
            // What has confirmed before and does not now is trusted no more.
            for (prefix, counts) in self.matured_by(now, |send| &send.prefix) {
                let is_enough = counts.sent >= BreakerMarks::MIN_DISTRUST_SENDS;
                if is_enough && counts.is_below_ratio() {
                    self.trusted.remove(&prefix);
                }
            }
            self.pause_country(now, draw);
        }
    }

    /// The matured sends of the window by network or block.
    fn matured_by(
        &self,
        now: i64,
        source: impl Fn(&LoggedSend) -> &String,
    ) -> BTreeMap<String, Counts> {
        let mut by: BTreeMap<String, Counts> = BTreeMap::new();
        for send in self.sends.values().filter(|send| is_matured(send.minute, now)) {
            let counts = by.entry(source(send).clone()).or_default();
            counts.sent += 1;
            counts.confirmed += u32::from(send.confirmed);
        }
        by
    }

    /// Networks or blocks with too few confirmations.
    fn causes(&self, now: i64, source: impl Fn(&LoggedSend) -> &String) -> Vec<String> {
        let mut by = self.matured_by(now, source);
        by.retain(|_, counts| {
            counts.sent >= BreakerMarks::MIN_SOURCE_SENDS && counts.is_below_ratio()
        });
        by.into_keys().collect()
    }

    fn forget(&mut self, is_forgotten: impl Fn(&LoggedSend) -> bool) {
        let (forgotten, kept) =
            std::mem::take(&mut self.sends).into_iter().partition(|(_, send)| is_forgotten(send));
        self.sends = kept;
        let forgotten: BTreeMap<u64, LoggedSend> = forgotten;
        for send in forgotten.values() {
            self.uncount(send);
        }
    }

    fn pause_country(&mut self, now: i64, draw: u32) {
        self.sends.clear();
        self.minutes.clear();
        self.rounds += 1;
        let round = self.rounds;
        let until = now + millis_of(BreakerMarks::PAUSE);
        self.pause = Some(CountryPause {
            until,
            began: until,
            round,
            seed: draw,
            ..CountryPause::default()
        });
    }

    /// Whether the country is open for this request, and whether a new pause began.
    fn gate(&mut self, now: i64, request: &SmsRequest<'_>) -> (Gate, bool) {
        let Some(pause) = &mut self.pause else { return (Gate::Open, false) };
        let is_trusted = self
            .trusted
            .get(request.prefix)
            .is_some_and(|at| *at + millis_of(BreakerMarks::TRUST_TTL) > now);
        let closed = |until| (if is_trusted { Gate::Open } else { Gate::Closed(until) }, false);
        if pause.until > now {
            return closed(pause.until);
        }
        let ratio = BreakerMarks::MIN_CONFIRMED_RATIO;
        let probes = u32::try_from(pause.probes.len()).unwrap_or(u32::MAX);
        let round_is_over = now >= pause.began + millis_of(BreakerMarks::ROUND);
        let decides = if round_is_over { probes.max(1) } else { BreakerMarks::PROBES };
        if pause.confirmed * ratio >= decides {
            self.pause = None;
            return (Gate::Open, false);
        }
        if probes >= BreakerMarks::PROBES {
            let matured = pause.last_probe + millis_of(BreakerMarks::MATURE_AFTER);
            if matured > now {
                return closed(matured);
            }
            self.pause_country(now, request.draw);
            let until = now + millis_of(BreakerMarks::PAUSE);
            return (if is_trusted { Gate::Open } else { Gate::Closed(until) }, true);
        }
        if round_is_over {
            pause.began = now;
            self.rounds += 1;
            pause.round = self.rounds;
            pause.probes.clear();
            pause.confirmed = 0;
        }
        if pause.probes.iter().any(|prefix| prefix == request.prefix) {
            return closed(pause.began + millis_of(BreakerMarks::ROUND));
        }
        let ticket = request.lot.wrapping_add(pause.seed) % BreakerMarks::TICKETS;
        let opens = pause.until + ticket_delay(ticket);
        if opens > now {
            return closed(opens);
        }
        (Gate::Probe, false)
    }
}

/// The country, for one request.
enum Gate {
    Open,
    Probe,
    Closed(i64),
}

/// How long after a pause a ticket may pass: a step for each binary digit that it has.
fn ticket_delay(ticket: u32) -> i64 {
    i64::from(u32::BITS - ticket.leading_zeros()) * millis_of(BreakerMarks::TICKET_STEP)
}

fn is_old(minute: i64, now: i64) -> bool {
    now - minute * MINUTE > millis_of(BreakerMarks::WINDOW)
}

/// Whether the sends of this minute count.
fn is_matured(minute: i64, now: i64) -> bool {
    !is_old(minute, now) && now - minute * MINUTE >= millis_of(BreakerMarks::MATURE_AFTER)
}

#[cfg(test)]
mod tests;
