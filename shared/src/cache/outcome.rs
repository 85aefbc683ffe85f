//! The outcome of a script that sends or compares a code: its status, and refusals.
//! Each such script returns its status, and whether the SMS breaker has just paused something.

use std::time::Duration;

use super::error::CacheError;
use super::script::Reply;
use crate::limits::Limit;
use crate::telemetry::Metrics;

/// Reads the status. Fails if it is a refusal by one of the script's limits or by the breaker.
pub(super) fn status(
    reply: &mut Reply,
    limits: &[Limit],
    metrics: &Metrics,
) -> Result<String, CacheError> {
    let status: String = reply.next("a status")?;
    if reply.next("whether the breaker tripped")? {
        metrics.count("auth_sms_breaker_trips_total");
        tracing::error!(alarm = "sms_breaker", "sms paused: too few codes are confirmed");
    }
    match &*status {
        "limited" => {
            let number: usize = reply.number("the number of a limit")?;
            let limit = number.checked_sub(1).and_then(|index| limits.get(index).copied());
            let limit = limit.ok_or_else(|| reply.unexpected("the number of a limit"))?;
            Err(CacheError::Limited { limit, wait: wait(reply)? })
        }
        "sms_paused" => Err(CacheError::SmsPaused { wait: wait(reply)? }),
        _ => Ok(status),
    }
}

/// A wait in milliseconds.
pub(super) fn wait(reply: &mut Reply) -> Result<Duration, CacheError> {
    reply.number("a wait").map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::Value;

    fn read(status_: &str, numbers: &[i64]) -> Result<String, CacheError> {
        let numbers = numbers.iter().map(|number| Value::Int(*number));
        let values = [Value::SimpleString(status_.to_owned()), Value::Int(0)];
        let values = values.into_iter().chain(numbers).collect();
        let mut reply = Reply::new("test", Value::Array(values)).unwrap();
        status(&mut reply, &[Limit::PhonePerHour, Limit::SmsGlobal], &Metrics::default())
    }

    #[test]
    fn a_limit_is_named_by_its_place() {
        let Err(CacheError::Limited { limit, wait }) = read("limited", &[2, 1500]) else {
            panic!("no refusal");
        };
        assert_eq!((limit, wait), (Limit::SmsGlobal, Duration::from_millis(1500)));
        for numbers in [&[0, 1][..], &[3, 1], &[-1, 1], &[1], &[]] {
            let error = read("limited", numbers).unwrap_err();
            assert!(matches!(error, CacheError::UnexpectedData { operation: "test", .. }));
        }
    }

    #[test]
    fn the_breaker_refuses_by_its_own_status() {
        let error = read("sms_paused", &[1_800_000]).unwrap_err();
        let CacheError::SmsPaused { wait } = error else { panic!("{error} is not a pause") };
        assert_eq!(wait, Duration::from_mins(30));
        assert_eq!(read("incorrect", &[1]).unwrap(), "incorrect");
    }
}
