-- Counts a request that does nothing else in Redis.
return take_limits(args.limits) or answer({ status = 'ok' })
