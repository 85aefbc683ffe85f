//! Whether the time of an answer tells if a number has an account: `bench enumeration`. Requests
//! for codes to known and to unknown numbers take turns on one connection, and a Mann-Whitney U
//! test compares their times.

use std::time::Duration;
use tests::stores::Stores;

use crate::figures::median;
use crate::load::{Load, once};
use crate::operations::{phone, request, sign_up, verify_only};
use crate::server::{Server, variables};

/// Requests before the first that counts.
const WARM_UP: usize = 200;

pub async fn run(samples: usize) {
    let stores = Stores::fresh().await;
    let server = Server::start(&variables(&stores));
    let mut load = Load::connect(server.port, 1).await;
    let mut numbers = 0..;
    for purpose in ["login", "register"] {
        // Both have been verified as often: they differ in the account alone.
        let known: Vec<String> = numbers.by_ref().take(samples).map(phone).collect();
        let _ = load.run(known.iter().cloned().map(sign_up).collect()).await;
        let unknown: Vec<String> = numbers.by_ref().take(samples).map(phone).collect();
        let _ = load.run(unknown.iter().cloned().map(verify_only).collect()).await;
        let warm_up: Vec<String> = numbers.by_ref().take(WARM_UP).map(phone).collect();
        let ask = |phone: &String| once(request(purpose, phone, phone));
        let _ = load.run(warm_up.iter().map(ask).collect()).await;
        let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
        for (n, (known, unknown)) in known.iter().zip(&unknown).enumerate() {
            // Each is the first of its pair as often as the other.
            let pair = if n % 2 == 0 { [known, unknown] } else { [unknown, known] };
            let (_, took) = load.run(pair.into_iter().map(ask).collect()).await;
            let [first, second] = took[..] else { unreachable!("two were asked") };
            let (of_first, of_second) = if n % 2 == 0 { (first, second) } else { (second, first) };
            of_known.push(of_first);
            of_unknown.push(of_second);
        }
        let Comparison { z, share } = compare(&of_known, &of_unknown);
        println!(
            "{purpose}: {samples} known numbers, median {:.3} ms; {samples} unknown ones, {:.3} ms; \
             Mann-Whitney z = {z:.2} (a difference from |z| = 1.96 on, 5 %); a known one took longer \
             than an unknown one in {:.1} % of the pairs",
            millis(&of_known),
            millis(&of_unknown),
            share * 100.0,
        );
    }
}

fn millis(latencies: &[Duration]) -> f64 {
    median(latencies.iter().map(|latency| latency.as_secs_f64() * 1e3))
}

struct Comparison {
    /// The U statistic in standard deviations from what equal distributions give.
    z: f64,
    /// How often one of the first takes longer than one of the second: U over all pairs.
    share: f64,
}

/// The Mann-Whitney U test by its normal approximation, which holds for hundreds of samples.
fn compare(first: &[Duration], second: &[Duration]) -> Comparison {
    let longer = |one: &Duration| {
        let score = |other: &Duration| match one.cmp(other) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
        second.iter().map(score).sum::<f64>()
    };
    let u: f64 = first.iter().map(longer).sum();
    #[expect(clippy::cast_precision_loss, reason = "nobody takes so many samples")]
    let (n, m) = (first.len() as f64, second.len() as f64);
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    Comparison { z: (u - n * m / 2.0) / deviation, share: u / (n * m) }
}
