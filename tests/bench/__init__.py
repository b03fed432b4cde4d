"""Speeds and sizes, measured as whole processes side by side with a yardstick; ``make bench`` runs them."""
