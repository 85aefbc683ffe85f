//! From when on the second factor of an account is reset: what every reader of it asks, too.

/// An expression over the account `u`: from when on its second factor counts as disabled, if it is to.
pub(in crate::store) const RESET_AT: &str =
    "(SELECT r.effective_at FROM auth.second_factor_resets r WHERE r.user_id = u.id)";
