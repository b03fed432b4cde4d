"""The protocol of a run, for any pipeline: its job, steps, store, ledger, policy and digest."""
