"""Where poller, Glue client, metrics and web meet: the state of all targets, and what of it changed."""
