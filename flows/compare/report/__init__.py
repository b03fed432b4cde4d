"""What a comparison says to programs and people."""
