"""Measurements side by side with what people use instead; `make bench` runs them, README.md says how to read them."""
