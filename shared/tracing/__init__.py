"""The lines that a function executes, and what happens before one of them."""
