"""Follows the lines that a function executes, and acts before one of them."""
