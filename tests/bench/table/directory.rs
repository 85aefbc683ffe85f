//! The key directory's part of the table: six devices beside one, the statement behind a
//! bundle in plain psql, and the budgets.

use std::fmt::Write as _;

use crate::directory::DEVICES;
use crate::medians::{Budget, Medians};
use crate::trips::Trips;

/// A user's bundles may cost so much more than a device's.
const MOST: f64 = 1.3;

/// The names of a figure, of one device and of six.
const CLIENT: [&str; 2] = ["psql_bundle", "psql_bundles"];
const BUNDLE: [&str; 2] = ["bundle", "bundles"];

/// What a part of a bundle's latency is, and under which names it was measured.
const PARTS: [(&str, [&str; 2]); 3] = [
    ("the statement alone", CLIENT),
    ("of which planning, as Postgres explains it", ["planning_bundle", "planning_bundles"]),
    ("of which execution", ["execution_bundle", "execution_bundles"]),
];

pub fn table(text: &mut String, all: &[Medians<'_>; 2], psql: &str) -> std::fmt::Result {
    let [busy, alone] = all;
    writeln!(
        text,
        "## Bundles\n\n\
         Every device has one-time keys of both kinds, and every bundle takes one of each. The \
         statement alone is the text that the service sends, with its parameters filled in. It is \
         timed in one session of {psql} that does nothing else. Planning and execution are measured \
         for one in four, by `EXPLAIN (ANALYZE, TIMING OFF)`. Numbers are medians.\n\n\
         | a bundle | one device | {DEVICES} devices | ratio |\n|---|--:|--:|--:|"
    )?;
    let mut row = |title: &str, unit: &str, [one, six]: [f64; 2]| {
        writeln!(text, "| {title}, {unit} | {one:.2} | {six:.2} | {:.2} |", six / one)
    };
    for (figures, title) in [(busy, "eight at once"), (alone, "one at a time")] {
        let cpu = BUNDLE.map(|name| figures.cpu(name) / 1e3);
        row(&format!("CPU of the service, {title}"), "ms", cpu)?;
    }
    for (figures, title) in [(busy, "eight at once"), (alone, "one at a time")] {
        let latency = BUNDLE.map(|name| figures.latency(name, 50));
        row(&format!("from request to answer, {title}"), "ms", latency)?;
    }
    for (title, names) in PARTS {
        row(title, "ms", names.map(|name| alone.latency(name, 50)))?;
    }
    let beside = [0, 1].map(|n| alone.latency(BUNDLE[n], 50) / alone.latency(CLIENT[n], 50));
    row("request to answer, one at a time, beside the statement alone", "×", beside)?;
    let trips = BUNDLE.map(|name| alone.trips(name).0);
    for (title, count) in [
        ("round trips to Postgres", (|trips| trips.postgres) as fn(Trips) -> u64),
        ("round trips to Redis", |trips| trips.redis),
        ("commits that wrote", |trips| trips.commits),
    ] {
        let [one, six] = trips.map(count);
        writeln!(text, "| {title} | {one} | {six} | |")?;
    }
    writeln!(text)
}

pub fn budgets(all: &[Medians<'_>; 2]) -> Vec<Budget> {
    let mut budgets: Vec<Budget> = Vec::new();
    let cpu = all.each_ref().map(|f| BUNDLE.map(|name| f.cpu(name)));
    let latency = all.each_ref().map(|f| BUNDLE.map(|name| f.latency(name, 50)));
    let statement = all.each_ref().map(|f| CLIENT.map(|name| f.latency(name, 50)));
    for (title, measured) in
        [("CPU", cpu), ("latency", latency), ("the statement alone", statement)]
    {
        let ratio = measured.map(|[one, six]| six / one);
        budgets.push((format!("bundles of {DEVICES} devices beside one: {title}"), ratio, MOST));
    }
    let cpu = cpu.map(|[one, _]| one / 1e3);
    budgets.push(("bundle of one device: CPU, ms".to_owned(), cpu, 0.3));
    for (name, title) in BUNDLE.iter().zip(["bundle of one device", "bundles of six devices"]) {
        let Trips { postgres, redis, commits } = all[0].trips(name).0;
        for (what, count) in [
            ("round trips to Postgres", postgres),
            ("round trips to Redis", redis),
            ("commits", commits),
        ] {
            budgets.push((format!("{title}: {what}"), [counted(count); 2], 1.0));
        }
    }
    for (name, title) in [
        ("upload_prekeys", "upload of 100 keys: commits"),
        ("upload_kyber", "upload of 100 Kyber keys: commits"),
        ("register_keys", "register with 100 + 100 keys: commits"),
    ] {
        budgets.push((title.to_owned(), [counted(all[0].trips(name).0.commits); 2], 1.0));
    }
    for (name, title) in [("check", "of a list of 100"), ("check_fresh", "alone")] {
        let cpu = all.each_ref().map(|figures| figures.cpu(name));
        budgets.push((format!("Signal signature checked, {title}: CPU, µs"), cpu, 70.0));
    }
    budgets
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn counted(count: u64) -> f64 {
    count as f64
}
