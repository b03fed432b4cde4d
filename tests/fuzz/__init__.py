"""Mutated inputs: each gives a result that an independent reader agrees with, or one error that says where."""
