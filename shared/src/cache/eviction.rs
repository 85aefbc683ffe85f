//! Whether Redis evicts keys before they expire.

use redis::Value;

/// The policy of a Redis that may evict keys, from its answer to `INFO memory`. Nodes of a
/// cluster answer each for itself.
pub(super) fn may_evict(info: &Value) -> Option<&'static str> {
    match info {
        Value::BulkString(text) => policy(&String::from_utf8_lossy(text)),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => policy(text),
        Value::Map(nodes) => nodes.iter().find_map(|(_, info)| may_evict(info)),
        Value::Array(nodes) => nodes.iter().find_map(may_evict),
        _ => None,
    }
}

/// One of the policies that Redis has: no text of a store is logged.
fn policy(info: &str) -> Option<&'static str> {
    const POLICIES: [&str; 7] = [
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
    ];
    let set = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"))?.trim();
    POLICIES.into_iter().find(|policy| *policy == set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_of_any_node_counts() {
        let info = |policy: &str| {
            let text = format!("# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:{policy}\r\n");
            Value::BulkString(text.into_bytes())
        };
        let node = |policy| (Value::SimpleString("node".to_owned()), info(policy));
        assert_eq!(may_evict(&info("noeviction")), None);
        assert_eq!(may_evict(&info("allkeys-lru")), Some("allkeys-lru"));
        let cluster = Value::Map(vec![node("noeviction"), node("volatile-lru")]);
        assert_eq!(may_evict(&cluster), Some("volatile-lru"));
        assert_eq!(may_evict(&Value::Nil), None);
    }
}
