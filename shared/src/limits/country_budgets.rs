//! `SMS_BUDGET_PER_COUNTRY`: a number for every country, or one for each country that is named.

use domain::phone::PhoneNumber;
use std::collections::BTreeMap;

use crate::config::env::EnvReader;

const NAME: &str = "SMS_BUDGET_PER_COUNTRY";
const ERROR: &str =
    "must be a number from 1 to 1000000, or pairs as in FR=2000,*=500, each country once";
const MAX: u32 = 1_000_000;
const ALL_OTHERS: &str = "*";

/// SMS an hour, by region.
#[derive(Clone, Debug, Default)]
pub(super) struct CountryBudgets(BTreeMap<String, u32>);

impl CountryBudgets {
    pub(super) fn read(env: &mut EnvReader<'_>) -> Self {
        let Some(list) = env.optional(NAME) else { return Self::default() };
        Self::parse(&list).unwrap_or_else(|| {
            env.error(NAME, ERROR);
            Self::default()
        })
    }

    fn parse(list: &str) -> Option<Self> {
        let mut budgets = BTreeMap::new();
        for pair in list.split(',') {
            let (region, budget) = pair.split_once('=').unwrap_or((ALL_OTHERS, pair));
            let (region, budget) = (region.trim(), budget.trim().parse().ok()?);
            let is_region = region == ALL_OTHERS || PhoneNumber::is_region(region);
            let is_new = budgets.insert(region.to_owned(), budget).is_none();
            if !is_region || !is_new || !(1..=MAX).contains(&budget) {
                return None;
            }
        }
        Some(Self(budgets))
    }

    /// The budget of a country that is named.
    pub(super) fn of(&self, region: &str) -> Option<u32> {
        self.0.get(region).copied()
    }

    /// The budget of each country that is not named.
    pub(super) fn of_all_others(&self) -> Option<u32> {
        self.of(ALL_OTHERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_may_have_a_budget_of_its_own() {
        let budgets = CountryBudgets::parse("FR=2000, IN=100,*=500").unwrap();
        assert_eq!(
            [budgets.of("FR"), budgets.of("IN"), budgets.of("GB")],
            [Some(2000), Some(100), None]
        );
        assert_eq!(budgets.of_all_others(), Some(500));
        assert_eq!(CountryBudgets::parse("750").unwrap().of_all_others(), Some(750));
        assert_eq!(CountryBudgets::parse("FR=1").unwrap().of_all_others(), None);
        for bad in ["FR", "FR=0", "XX=5", "FR=1,FR=2", "5,6", "FR=1000001", "FR=2000,", "=5", "-1"]
        {
            assert!(CountryBudgets::parse(bad).is_none(), "{bad}");
        }
    }
}
