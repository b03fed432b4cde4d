"""How a run works, for any pipeline: job, steps, store, ledger, policy and digest."""
