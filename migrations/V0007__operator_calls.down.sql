-- Back to accounts that no operator changes. What is lost: resets of second factors that did not take
-- effect yet, and which calls were made.
DROP TABLE auth.second_factor_resets, auth.operator_calls;
