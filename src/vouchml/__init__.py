"""vouchml takes a table to a served classifier and can prove every prediction it made."""

__version__ = "0.1.0"
