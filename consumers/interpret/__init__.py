"""Providers' words, mapped to facts by one declarative table each."""
