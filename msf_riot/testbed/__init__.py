"""Boards at work: running on them and reading what they answer."""
